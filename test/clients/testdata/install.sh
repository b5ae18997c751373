# What an editor sends to "ssh -T HOST sh" to install and start its server: it says what it misses, waits until
# that has been uploaded, and starts what it unpacked.
# DIR, the directory, ID, which marks its output, and HUP, which SIGHUP finds, stand in a line before this.
echo "$ID: running"
umask 077
mkdir -p "$DIR/bin" && cd "$DIR" || exit 1
if [ ! -f bin/server ]; then
	echo "$ID:trigger_server_download"
	echo "artifact==server-linux-$(uname -m)=="
	echo "$ID:trigger_server_download_end"
	until [ -f server.tar.done ]; do sleep 0.1; done
	tar -xf server.tar -C bin || { echo "$ID: exitCode==37=="; exit 0; }
fi
if [ ! -f pid ] || ! kill -0 "$(cat pid)" 2>/dev/null; then
	printf %s "token-$$" >token
	rm -f socket
	: >log # what the last server said is not for the loop below
	(
		[ "$HUP" = heeded ] || trap '' HUP # as nohup does, which busybox may lack
		exec ./bin/server --connection-token-file token --socket-path "$DIR/socket"
	) >log 2>&1 </dev/null &
	echo $! >pid
fi
until grep -q 'listening on' log; do sleep 0.1; done
echo "$ID: start"
echo "listeningOn==127.0.0.1:$(sed -n 's/.*listening on //p' log)=="
echo "connectionToken==$(cat token)=="
echo "pid==$(cat pid)=="
echo "$ID: end"
