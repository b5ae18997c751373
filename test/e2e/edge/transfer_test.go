// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// forwarding is one ssh with a forward each way, which carries data.
type forwarding struct {
	ssh  *exec.Cmd
	near net.Conn // by -L to a service in the container
	far  net.Conn // by -R from a program in the container
}

// remotePort is where -R listens inside, and localPort where the service of -L does.
const localPort, remotePort = 7001, 7002

// forward begins an ssh with both. The service is nc's way to say what runs for a connection, and the program has the
// connection of -R.
func (e edge) forward(t *testing.T, service, program string) *forwarding {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	socket := filepath.Join(t.TempDir(), "near")
	f := &forwarding{ssh: e.SSHCommand(t, "-N", "-o", "ExitOnForwardFailure=yes", "-L", fmt.Sprintf("%s:127.0.0.1:%d", socket, localPort),
		"-R", fmt.Sprintf("127.0.0.1:%d:%s", remotePort, l.Addr()), e.login("root"))}
	bounded(t, f.ssh)
	e.box.Shell(t, fmt.Sprintf("nc -ll -p %d -e %s </dev/null >/dev/null 2>&1 &", localPort, service))
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		listening := e.box.Shell(t, "netstat -ltn")
		_, err := os.Stat(socket)
		return err == nil && strings.Contains(listening, fmt.Sprint(":", localPort, " ")) && strings.Contains(listening, fmt.Sprint(":", remotePort, " ")), listening
	})
	e.box.Shell(t, fmt.Sprintf("(%s) >/dev/null 2>&1 &", fmt.Sprintf(program, fmt.Sprintf("nc 127.0.0.1 %d", remotePort))))
	if f.far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	if f.near, err = net.Dial("unix", socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.near.Close(); f.far.Close() })
	return f
}

// upload begins to put a file into the container by sftp, and waits until some of it is there. said is what sftp tells.
func (e edge) upload(t *testing.T, file, there string, options ...string) (c *exec.Cmd, said *world.Log) {
	t.Helper()
	c, said = e.sftp(t, fmt.Sprintf("put %q %s\n", file, there), options...), &world.Log{}
	c.Stdout, c.Stderr = said, said
	bounded(t, c)
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		return e.box.Exec(t, "test", "-s", there).ExitCode == 0, said.String()
	})
	return c, said
}

// transfersEnded begins transfers that have no end, and returns what waits for their ends, which are errors.
func (e edge) transfersEnded(t *testing.T) (wait func()) {
	t.Helper()
	f := e.forward(t, "yes", "yes | %s")
	var sftp *exec.Cmd
	said := &world.Log{}
	if e.way == byRunc { // by Docker alone the image has no sftp
		huge := filepath.Join(t.TempDir(), "huge")
		if err := os.WriteFile(huge, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(huge, 1<<40); err != nil {
			t.Fatal(err)
		}
		sftp, said = e.upload(t, huge, "/tmp/huge", "-l", "200000")
	}
	for _, conn := range []net.Conn{f.near, f.far} {
		if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
			t.Fatalf("before the container's end: %v", err)
		}
	}
	return func() {
		io.Copy(io.Discard, f.near)
		io.Copy(io.Discard, f.far)
		if code := exitCode(f.ssh); code != 255 {
			t.Errorf("the ssh of the forwards: exit code %d", code)
		}
		if sftp == nil {
			return
		}
		// OpenSSH's sftp dies of SIGPIPE when its ssh has gone.
		if exitCode(sftp); sftp.ProcessState.Success() || !strings.Contains(said.String(), "has ended") {
			t.Errorf("sftp: %v, and says %q", sftp.ProcessState, said)
		}
	}
}

// transfersPaused has a file, and megabytes by a forward each way, under way while the container is paused.
func transfersPaused(t *testing.T, e edge) {
	const size = 20 << 20
	e.box.Shell(t, fmt.Sprintf("head -c %d /dev/urandom >/tmp/random", size))
	f := e.forward(t, "cat", "%s </tmp/random")
	file := filepath.Join(t.TempDir(), "file")
	writeRandom(t, file, 8, size)
	sftp, said := e.upload(t, file, "/tmp/uploaded", "-l", "100000")
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(f.near, randomBytes(9, size))
		f.near.(*net.UnixConn).CloseWrite()
		sent <- err
	}()
	near, far := newDigester(), newDigester()
	io.CopyN(near, f.near, 1<<20)
	io.CopyN(far, f.far, 1<<20)
	e.box.Pause(t)
	if strings.Contains(said.String(), "100%") {
		t.Error("the upload was over before the pause")
	}
	e.box.Unpause(t)
	io.Copy(near, f.near)
	io.Copy(far, f.far)
	if err := <-sent; err != nil {
		t.Errorf("by -L: %v", err)
	}
	near.expect(t, digestOf(randomBytes(9, size)))
	far.expect(t, strings.Fields(e.box.Shell(t, "sha256sum /tmp/random"))[0])
	if code := exitCode(sftp); code != 0 {
		t.Errorf("sftp: exit code %d, %s", code, said)
	}
	if want, inside := digestOf(randomBytes(8, size)), e.box.Shell(t, "sha256sum /tmp/uploaded"); !strings.HasPrefix(inside, want) {
		t.Errorf("the digest of the file inside is %s and not %s", inside, want)
	}
	f.ssh.Process.Kill()
	f.ssh.Wait()
	e.box.Shell(t, "killall nc; rm /tmp/random /tmp/uploaded")
	leftover.None(t, e.box)
}
