// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/test/ports"
	"switchyard/test/rig"
)

// testVSCode does what VS Code's Remote-SSH does: a script on the standard input of a shell installs a
// server, which is uploaded meanwhile, starts it, and says where it listens; the editor then goes to it by
// the same connection's -D, or by a socket. Another session finds it running if it ignores SIGHUP, and else
// starts it again.
func testVSCode(t *testing.T, f *fleet) {
	server := f.buildServer(t)
	f.each(t, func(t *testing.T, x *target) { f.remoteEditor(t, x, server) }, rig.Busybox, rig.Debian)
	t.Run("without a shell", func(t *testing.T) {
		f.each(t, func(t *testing.T, x *target) { f.serverWithoutShell(t, x, server) }, rig.Scratch)
	})
}

// buildServer makes the server and the archive of it.
func (f *fleet) buildServer(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "server")
	build := f.command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./testdata/server")
	build.Dir, build.Env = "", append(os.Environ(), "CGO_ENABLED=0")
	ok(t, build)
	ok(t, f.command("tar", "-C", filepath.Dir(program), "-cf", program+".tar", "server"))
	return program
}

func (f *fleet) remoteEditor(t *testing.T, x *target, program string) {
	inside, _ := x.fresh(t)
	hup := map[bool]string{true: "heeded", false: "ignored"}[x.uid == noPasswd]
	first := f.install(t, x, inside, hup, func() { f.upload(t, x, program+".tar", inside) })
	t.Cleanup(func() { x.endServer(t, inside) })
	first.use(t, f.socks(t, first.socks, first.listens))
	running := x.server(t, inside)
	first.cmd.Process.Kill()
	first.cmd.Wait()
	if hup == "heeded" {
		for _, pid := range running { // also reaped: the script would take it for running
			rig.Eventually(t, deadline, func() (bool, string) {
				_, err := os.Stat(fmt.Sprint("/proc/", pid))
				return os.IsNotExist(err), "the server goes on"
			})
		}
	}
	second := f.install(t, x, inside, hup, func() { t.Error("the server's files are gone") })
	if again := second.pid != first.pid; again != (hup == "heeded") {
		t.Errorf("where SIGHUP is %s, the server is number %s, and was %s", hup, second.pid, first.pid)
	}
	second.use(t, f.socks(t, second.socks, second.listens))
	local := filepath.Join(shortDir(t), "l")
	log := background(t, f.ssh("-N", "-L", local+":"+inside+"/socket", x.alias))
	second.use(t, connect(t, log, "unix", local))
}

// editor is a connection that a server has been installed by.
type editor struct {
	*session
	socks, listens, token, pid string
}

// install runs the script, and uploads when it asks for that.
func (f *fleet) install(t *testing.T, x *target, dir, hup string, upload func()) *editor {
	t.Helper()
	id, script := rand.Text(), readFile(t, "testdata/install.sh")
	e := &editor{socks: fmt.Sprintf("127.0.0.1:%d", ports.Free(t))}
	c := f.ssh("-T", "-D", e.socks, "-o", "ConnectTimeout=15", x.alias, "sh")
	stdout, err := c.StdoutPipe()
	must(t, err)
	e.session = startSession(t, c)
	_, err = io.WriteString(e.stdin, "DIR='"+dir+"' ID="+id+" HUP="+hup+"\n"+script) // and stdin stays open
	must(t, err)
	stuck := time.AfterFunc(deadline, func() { c.Process.Kill() })
	defer stuck.Stop()
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		switch name, value, _ := strings.Cut(strings.TrimSuffix(lines.Text(), "=="), "=="); name {
		case id + ":trigger_server_download_end":
			upload()
		case "listeningOn":
			e.listens = value
		case "connectionToken":
			e.token = value
		case "pid":
			e.pid = value
		case id + ": end":
			return e
		}
	}
	t.Fatalf("the script ended: %s", e.stderr.String())
	return nil
}

// upload copies the archive by scp, by a pipe, or unpacks what tar makes while it makes it, and then says that it is
// there.
func (f *fleet) upload(t *testing.T, x *target, archive, inside string) {
	t.Helper()
	switch {
	case x.uid == 0:
		r := run(t, f.ssh(x.alias, "cat > '"+inside+"/server.tar'"), openFile(t, archive))
		if r.Code != 0 {
			t.Fatalf("%+v", r)
		}
	case x == f.one("debian-alice"):
		pipe := f.command("bash", "-o", "pipefail", "-c", `tar -C "$1" -c server.tar | ssh -F "$2" "$3" "tar -x -C '$4'"`,
			"bash", filepath.Dir(archive), f.config(), x.alias, inside)
		if out := ok(t, pipe); out != "" {
			t.Errorf("tar says %q", out)
		}
	default:
		ok(t, f.command("scp", "-F", f.config(), archive, x.alias+":"+inside+"/server.tar"))
	}
	ok(t, f.ssh(x.alias, "touch '"+inside+"/server.tar.done'"))
}

// use upgrades a connection to the server, and has it echo.
func (e *editor) use(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := fmt.Fprintf(c, "GET /?tkn=%s HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", e.token)
	must(t, err)
	answer, err := http.ReadResponse(bufio.NewReaderSize(c, 16), nil)
	must(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the server says %s", answer.Status)
	}
	checkEcho(t, c)
}

// serverWithoutShell runs the server by hand, as there is nothing that could run the script.
func (f *fleet) serverWithoutShell(t *testing.T, x *target, program string) {
	fails(t, f.ssh("-T", x.alias, "sh"), 127, x.missing("sh"))
	inside, outside := x.fresh(t)
	ok(t, f.command("scp", "-F", f.config(), program, x.alias+":"+inside+"/server"))
	must(t, os.WriteFile(outside+"/token", []byte("token"), 0o644))
	e := &editor{socks: fmt.Sprintf("127.0.0.1:%d", ports.Free(t)), token: "token"}
	log := background(t, f.ssh("-T", "-D", e.socks, x.alias, inside+"/server",
		"--connection-token-file", inside+"/token", "--socket-path", inside+"/socket"))
	var port int
	rig.Eventually(t, deadline, func() (bool, string) {
		n, _ := fmt.Sscanf(log.String(), "Extension host agent listening on %d", &port)
		return n == 1, log.String()
	})
	e.use(t, f.socks(t, e.socks, fmt.Sprintf("127.0.0.1:%d", port)))
	local := filepath.Join(shortDir(t), "l")
	forward := background(t, f.ssh("-N", "-L", local+":"+inside+"/socket", x.alias))
	e.use(t, connect(t, forward, "unix", local))
}

// endServer ends what was to outlive its session.
func (x *target) endServer(t *testing.T, inside string) {
	t.Helper()
	for _, pid := range x.server(t, inside) {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// server finds the processes of the server in a directory.
func (x *target) server(t *testing.T, inside string) (pids []int) {
	t.Helper()
	for _, p := range x.box.Processes(t) {
		if strings.Contains(strings.Join(p.Args, " "), inside+"/socket") {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	return string(b)
}
