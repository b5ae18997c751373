// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"switchyard/test/e2e/internal/inside"
	"switchyard/test/ports"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// TestForwardsLoseNothingHoweverTheirConnectionsClose holds many conversations at once by OpenSSH's client, with one
// end in the container: whatever was sent before a proper close arrives, beside connections that are reset.
func TestForwardsLoseNothingHoweverTheirConnectionsClose(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{})
	from := inside.Dial(t, web)
	nearby := func(port int) (*net.TCPConn, error) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	}
	t.Run("-L", func(t *testing.T) {
		a := &answering{t: t}
		to := inside.Serve(t, web, a.serve)
		entrance := ports.Free(t)
		world.Background(t, w.SSHCommand(t, "-N", "-L", fmt.Sprintf("127.0.0.1:%d:127.0.0.1:%d", entrance, to), "root@web"))
		a.converse(t, entrance, nearby)
	})
	t.Run("-R", func(t *testing.T) {
		a := &answering{t: t}
		const entrance = 8200
		world.Background(t, w.SSHCommand(t, "-N", "-R", fmt.Sprintf("127.0.0.1:%d:127.0.0.1:%d", entrance, serveNearby(t, a.serve)), "root@web"))
		a.converse(t, entrance, from)
	})
}

// converse calls by the entrance, many at once.
func (a *answering) converse(t *testing.T, entrance int, dial func(port int) (*net.TCPConn, error)) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		conn, err := dial(entrance)
		if err == nil {
			conn.Close()
		}
		return err == nil, fmt.Sprint(err)
	})
	r := rand.New(rand.NewPCG(1, 2))
	calls := make([]conversation, 100)
	want := int32(0)
	for i := range calls {
		if calls[i] = newConversation(r); calls[i].Kind != resets {
			want++
		}
	}
	must(t, len(calls), len(calls), func(i int) error {
		conn, err := dial(entrance)
		if err != nil {
			return err
		}
		if err := calls[i].call(conn); err != nil && calls[i].Kind != resets {
			return fmt.Errorf("the end that calls, kind %d: %w", calls[i].Kind, err)
		}
		return nil
	})
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		n := a.whole.Load()
		return n == want, fmt.Sprintf("%d conversations were had in full, of %d", n, want)
	})
}

// serveNearby gives each connection to a port of this machine to serve, until the test ends.
func serveNearby(t *testing.T, serve func(*net.TCPConn)) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				serve(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return l.Addr().(*net.TCPAddr).Port
}
