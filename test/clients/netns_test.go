// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/test/ports"
	"switchyard/test/rig"
)

// inNetwork calls f on a thread that is in the container's network, where a socket that f makes stays.
func (x *target) inNetwork(t *testing.T, f func() error) {
	t.Helper()
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", x.box.PID(t)))
	must(t, err)
	defer namespace.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	must(t, <-done)
}

// dial connects to an address of the container's network, of 127.0.0.1 as its processes see it.
func (x *target) dial(t *testing.T, address string) (c net.Conn, err error) {
	t.Helper()
	x.inNetwork(t, func() error { c, err = net.Dial("tcp", address); return nil })
	return c, err
}

// serve accepts connections on loopback inside the container until the test ends, and returns the port.
func (x *target) serve(t *testing.T, handle func(net.Conn)) int {
	t.Helper()
	var l net.Listener
	x.inNetwork(t, func() (err error) { l, err = net.Listen("tcp", "127.0.0.1:0"); return err })
	accept(t, l, handle)
	return l.Addr().(*net.TCPAddr).Port
}

// checkRemoteForward uses a listener in the container that a client's -R makes, once it has been told of.
func checkRemoteForward(t *testing.T, x *target, start func(forward string) *exec.Cmd) {
	t.Helper()
	here, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	accept(t, here, echo)
	there := fmt.Sprintf("127.0.0.1:%d", ports.Free(t))
	log := background(t, start(there+":"+here.Addr().String()))
	rig.Eventually(t, deadline, func() (bool, string) {
		c, err := x.dial(t, there)
		if err == nil {
			checkEcho(t, c)
		}
		return err == nil, fmt.Sprint(err, " ", log)
	})
}

// accept serves a listener until the test ends, and then waits for what it started.
func accept(t *testing.T, l net.Listener, handle func(net.Conn)) {
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { defer c.Close(); handle(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wait.Wait() })
}

// echo sends back what it is sent, and half-closes as its peer does.
func echo(c net.Conn) { _, _ = io.Copy(c, c) }

// relay joins a connection to another that it makes.
func relay(network, address string) func(net.Conn) {
	return func(c net.Conn) {
		to, err := net.Dial(network, address)
		if err != nil {
			return
		}
		defer to.Close()
		go func() { _, _ = io.Copy(to, c); to.(interface{ CloseWrite() error }).CloseWrite() }()
		_, _ = io.Copy(c, to)
	}
}
