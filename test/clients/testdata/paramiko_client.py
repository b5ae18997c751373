# Copyright The Switchyard Authors.
# SPDX-License-Identifier: Apache-2.0
"""paramiko: commands, terminals, sftp and forwards."""

import stat
import threading

from common import ECHO, checksum, ok, same, target

import paramiko


class Client(paramiko.SSHClient):
    """SSHClient never asks for the method "none", by which the server lets in who came through the proxy."""

    def _auth(self, username, *args):
        self._transport.auth_none(username)


def connect():
    client = Client()
    client.load_host_keys(target["known_hosts"])
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        target["host"],
        username=target["login"],
        sock=paramiko.ProxyCommand(target["proxy"]),
        allow_agent=False,
        look_for_keys=False,
    )
    return client


def commands(client):
    if target["shell"]:
        stdin, stdout, stderr = client.exec_command("cat; id -u; echo it went wrong >&2; exit 7")
        stdin.write("from here\n")
        stdin.channel.shutdown_write()
        same(stdout.read(), b"from here\n%d\n" % target["uid"])
        same(stderr.read(), b"it went wrong\n")
        same(stdout.channel.recv_exit_status(), 7)
    else:
        _, stdout, stderr = client.exec_command("/sleep word")
        same(b"invalid number 'word'" in stderr.read(), True)
        same(stdout.channel.recv_exit_status(), 1)
    ok("commands")


def signals(client):
    """signals sends some to a command, and says what the server answers; paramiko itself does neither."""
    for name in ("TERM", "KILL", "USR1"):
        channel = client.get_transport().open_session()
        channel.exec_command("echo READY; exec sleep 1000000" if target["shell"] else "/sleep 1000000")
        if target["shell"]:
            same(channel.makefile("rb").readline(), b"READY\n")
        signal(channel, name)
        same(channel.recv_exit_status(), -1)
        same(endings[channel.get_id()], [("exit-signal", name)])
    ok("signals")


endings = {}  # by channel, what the server has said of the end of its command


def note_ending(channel, message):
    """note_ending is paramiko's handler of channel requests, which drops exit-signal."""
    request = paramiko.Message(message.get_remainder())
    name, _ = request.get_text(), request.get_boolean()
    if name == "exit-signal":
        endings.setdefault(channel.get_id(), []).append((name, request.get_text()))
    if name == "exit-status":
        endings.setdefault(channel.get_id(), []).append((name, request.get_int()))
    paramiko.Channel._handle_request(channel, message)


paramiko.Transport._channel_handler_table[paramiko.common.MSG_CHANNEL_REQUEST] = note_ending


def signal(channel, name):
    """signal is a request of RFC 4254 section 6.9, which paramiko has no call for."""
    request = paramiko.Message()
    request.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
    request.add_int(channel.remote_chanid)
    request.add_string("signal")
    request.add_boolean(False)
    request.add_string(name)
    channel.transport._send_user_message(request)


def terminals(client):
    if not target["shell"]:
        channel = client.get_transport().open_session()
        channel.get_pty()
        channel.exec_command("/sleep 1000000")
        channel.send(b"\x03")  # what the terminal makes SIGINT of
        same(channel.recv_exit_status(), -1)  # a signal: paramiko does not say which
        return ok("terminals")
    channel = client.invoke_shell("xterm", width=97, height=31)
    output = channel.makefile("rb")
    channel.send(b"PS1=; stty -echo; echo; echo READY; stty size; read line; stty size; echo $TERM; exit 3\n")
    while output.readline() != b"READY\r\n":
        pass
    same(output.readline(), b"31 97\r\n")
    channel.resize_pty(width=120, height=45)
    channel.send(b"\n")
    same(output.readline(), b"45 120\r\n")
    same(output.readline(), b"xterm\r\n")
    same(channel.recv_exit_status(), 3)
    ok("terminals")


def files(client):
    with client.open_sftp() as sftp:
        sftp.chdir(target["dir"])
        name = "it's \"odd\" ünd 日本.bin"
        sftp.put(target["file"], name)
        sftp.get(name, target["here"])
        same(checksum(target["here"]), checksum(target["file"]))
        sftp.chmod(name, 0o640)
        sftp.utime(name, (1e9, 1e9 + 1))
        sftp.symlink(name, "link")
        same(sftp.readlink("link"), name)
        same(stat.S_ISLNK(sftp.lstat("link").st_mode), True)
        attributes = sftp.stat("link")
        same((stat.S_IMODE(attributes.st_mode), attributes.st_mtime, attributes.st_uid), (0o640, 1e9 + 1, target["uid"]))
        edit(sftp)
        sftp.mkdir("made")
        same(sorted(sftp.listdir()), sorted([name, "link", "made", "edited"]))
        sftp.rmdir("made")
        sftp.remove("link")
        missing(sftp)
        sparse(sftp)
    ok("sftp")


def sparse(sftp):
    """sparse writes and reads beyond what 32 bits count, and leaves a hole."""
    with sftp.open("sparse", "w+") as file:
        for position, word in ((0, b"head"), (target["far"], b"tail")):
            file.seek(position)
            file.write(word)
        file.flush()
        file.seek(target["far"] - 2)
        same(file.read(), b"\0\0tail")
        same(file.stat().st_size, target["far"] + 4)


def edit(sftp):
    """edit writes in the middle of a file, cuts it, and puts it over another."""
    with sftp.open("draft", "w+") as file:
        file.write(b"0123456789")
        file.seek(4)
        file.write(b"xx")
        file.flush()
        file.truncate(8)
        file.seek(0)
        same(file.read(), b"0123xx67")
    with sftp.open("edited", "x"):
        pass
    try:
        sftp.rename("draft", "edited")
        raise AssertionError("a rename of sftp's own replaces nothing")
    except OSError:
        pass
    sftp.posix_rename("draft", "edited")
    same(sftp.stat("edited").st_size, 8)


def missing(sftp):
    try:
        sftp.stat("no such file")
        raise AssertionError("a file that is not there")
    except FileNotFoundError:
        pass


def exchange(channel):
    """exchange sends through an echo, and half-closes."""
    sender = threading.Thread(target=lambda: (channel.sendall(ECHO), channel.shutdown_write()))
    sender.start()
    got = b"".join(iter(lambda: channel.recv(1 << 16), b""))
    sender.join()
    channel.close()
    same(got, ECHO)


def forwards(client):
    transport = client.get_transport()
    exchange(transport.open_channel("direct-tcpip", ("127.0.0.1", target["echo"]), ("127.0.0.1", 1)))
    try:
        transport.open_channel("direct-tcpip", ("127.0.0.1", 1), ("127.0.0.1", 1))
        raise AssertionError("nothing listens there")
    except paramiko.ChannelException as refusal:
        same(refusal.code, 2)  # SSH_OPEN_CONNECT_FAILED
    remote_forward(transport)
    ok("forwards")


def remote_forward(transport):
    """remote_forward has the container listen, and comes to it by a forward into the container."""

    def echo(channel):
        channel.sendall(b"".join(iter(lambda: channel.recv(1 << 16), b"")))
        channel.close()

    echoes = []

    def handler(channel, origin, server):
        echoes.append(threading.Thread(target=echo, args=(channel,)))
        echoes[-1].start()

    port = transport.request_port_forward("127.0.0.1", 0, handler)
    exchange(transport.open_channel("direct-tcpip", ("127.0.0.1", port), ("127.0.0.1", 1)))
    transport.cancel_port_forward("127.0.0.1", port)
    for thread in echoes:
        thread.join()


client = connect()
commands(client)
signals(client)
terminals(client)
files(client)
forwards(client)
client.close()
