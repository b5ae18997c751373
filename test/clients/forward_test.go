// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/proxy"

	"switchyard/test/ports"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// testForwards is what OpenSSH's ssh forwards, each way.
func testForwards(t *testing.T, f *fleet) {
	t.Run("-L", func(t *testing.T) { f.each(t, f.localForward) })
	t.Run("-D", func(t *testing.T) { f.each(t, f.dynamicForward) })
	t.Run("-W", func(t *testing.T) { f.each(t, f.stdioForward) })
	t.Run("-J", func(t *testing.T) { f.each(t, f.jump) })
	t.Run("-J to another container", f.jumps)
	t.Run("-R", func(t *testing.T) { f.each(t, f.remoteForward) })
	t.Run("-L of a socket", func(t *testing.T) { f.each(t, f.localSocket) })
	t.Run("-R of a socket", func(t *testing.T) { f.each(t, f.remoteSocket) })
}

// background starts a client that runs until the test ends, and returns what it logs.
func background(t *testing.T, c *exec.Cmd) *world.Log {
	t.Helper()
	var log world.Log
	c.Stdout, c.Stderr = &log, &log
	must(t, c.Start())
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	return &log
}

// checkEcho sends what does not fit any window through a connection to an echo, and half-closes it.
func checkEcho(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	data := random(3 << 20)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		c.(interface{ CloseWrite() error }).CloseWrite()
		sent <- err
	}()
	got, err := io.ReadAll(c)
	if !bytes.Equal(got, data) || err != nil {
		t.Errorf("%d of %d bytes came back, %v", len(got), len(data), err)
	}
	must(t, <-sent)
}

// connect dials what a client just started to listen on.
func connect(t *testing.T, log *world.Log, network, address string) (c net.Conn) {
	t.Helper()
	rig.Eventually(t, deadline, func() (done bool, _ string) {
		var err error
		c, err = net.Dial(network, address)
		return err == nil, fmt.Sprint(err, " ", log)
	})
	return c
}

func (f *fleet) localForward(t *testing.T, x *target) {
	local := fmt.Sprintf("127.0.0.1:%d", ports.Free(t))
	log := background(t, f.ssh("-N", "-o", "ExitOnForwardFailure=yes", "-L", fmt.Sprintf("%s:127.0.0.1:%d", local, x.serve(t, echo)), x.alias))
	checkEcho(t, connect(t, log, "tcp", local))
}

func (f *fleet) dynamicForward(t *testing.T, x *target) {
	local := fmt.Sprintf("127.0.0.1:%d", ports.Free(t))
	log := background(t, f.ssh("-N", "-o", "ExitOnForwardFailure=yes", "-D", local, x.alias))
	connect(t, log, "tcp", local).Close()
	checkEcho(t, f.socks(t, local, fmt.Sprintf("127.0.0.1:%d", x.serve(t, echo))))
}

// socks connects through a SOCKS5 proxy; names are resolved at its other end.
func (f *fleet) socks(t *testing.T, through, to string) net.Conn {
	t.Helper()
	dialer, err := proxy.SOCKS5("tcp", through, nil, proxy.Direct)
	must(t, err)
	c, err := dialer.Dial("tcp", to)
	must(t, err)
	return c
}

func (f *fleet) stdioForward(t *testing.T, x *target) {
	data := string(random(1 << 20))
	to := fmt.Sprintf("127.0.0.1:%d", x.serve(t, echo))
	if r := run(t, f.ssh("-W", to, x.alias), strings.NewReader(data)); r.Stdout != data {
		t.Errorf("%d of %d bytes came back, stderr %q", len(r.Stdout), len(data), r.Stderr)
	}
	closed := fmt.Sprintf("127.0.0.1:%d", ports.Free(t))
	fails(t, f.ssh("-W", closed, x.alias), 255, "refused")
}

// remoteForward has ssh listen on a port of the container's choice.
func (f *fleet) remoteForward(t *testing.T, x *target) {
	here, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	accept(t, here, echo)
	log := background(t, f.ssh("-N", "-R", "127.0.0.1:0:"+here.Addr().String(), x.alias))
	var port int
	rig.Eventually(t, deadline, func() (bool, string) {
		_, after, _ := strings.Cut(log.String(), "Allocated port ")
		n, _ := fmt.Sscan(after, &port)
		return n == 1, log.String()
	})
	c, err := x.dial(t, fmt.Sprintf("127.0.0.1:%d", port))
	must(t, err)
	checkEcho(t, c)
}

// localSocket reaches a socket that only the login may connect to.
func (f *fleet) localSocket(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	there, err := net.Listen("unix", outside+"/s")
	must(t, err)
	must(t, os.Chown(outside+"/s", x.uid, 0))
	must(t, os.Chmod(outside+"/s", 0o600))
	accept(t, there, echo)
	local := filepath.Join(shortDir(t), "l")
	log := background(t, f.ssh("-N", "-o", "ExitOnForwardFailure=yes", "-L", local+":"+inside+"/s", x.alias))
	checkEcho(t, connect(t, log, "unix", local))
}

// remoteSocket has a socket made in the container, of the login and for it alone.
func (f *fleet) remoteSocket(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	local := filepath.Join(shortDir(t), "l")
	here, err := net.Listen("unix", local)
	must(t, err)
	accept(t, here, echo)
	log := background(t, f.ssh("-N", "-o", "ExitOnForwardFailure=yes", "-R", inside+"/s:"+local, x.alias))
	checkEcho(t, connect(t, log, "unix", outside+"/s"))
	info, err := os.Stat(outside + "/s")
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v", info.Mode())
	}
	x.owned(t, outside)
}

// shortDir is for sockets: their paths may have 107 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "swc-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// jump goes through the container to an sshd that only the container reaches.
func (f *fleet) jump(t *testing.T, x *target) {
	behind := rig.Sshd(t, rig.SshdOptions{})
	port := x.serve(t, relay("tcp", behind.Addr()))
	known := filepath.Join(t.TempDir(), "known_hosts")
	line, err := os.ReadFile(behind.KnownHosts)
	must(t, err)
	_, key, _ := strings.Cut(string(line), " ")
	must(t, os.WriteFile(known, []byte("behind "+key), 0o600))
	got := ok(t, f.ssh("-J", x.alias, "-p", fmt.Sprint(port), "-o", "HostName=127.0.0.1", "-o", "HostKeyAlias=behind",
		"-o", "UserKnownHostsFile="+known, "-i", behind.Identity, "-l", behind.User, "behind", "echo from behind"))
	if got != "from behind\n" {
		t.Errorf("got %q", got)
	}
}
