// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"switchyard/test/e2e/internal/goclient"
	"switchyard/test/e2e/internal/inside"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// echo is a server that sends back what comes until EOF.
func echo(conn *net.TCPConn) {
	io.Copy(conn, struct{ io.Reader }{conn}) // by no pipe, which Go would keep for later (splice(2))
}

// TestThousandsOfForwardsAtOnceAreCarriedAndLeaveNothing goes the whole way: one "switchyard connect", the controller, the
// runner, and the network namespace of the container, where the server listens.
func TestThousandsOfForwardsAtOnceAreCarriedAndLeaveNothing(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	const many = 2000
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{})
	address := fmt.Sprintf("127.0.0.1:%d", inside.Serve(t, web, echo))
	x := goclient.Dial(t, w, "root", "web")
	shell := openShell(t, x)
	shell.answers(t, "before all of them")
	closeAll(echoed(t, x, address, 1)) // what is made once is made
	daemons := []*world.Daemon{w.Controller, web.Runner}
	before := settled(t, daemons)

	conns := echoed(t, x, address, many)
	if held := descriptors(web.Runner); held < before[1]+many {
		t.Errorf("the runner has %d descriptors with %d forwards, and had %d", held, many, before[1])
	}
	shell.answers(t, "beside all of them")
	converse(t, conns, "again")
	closeAll(conns)
	for i, d := range daemons {
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			now := descriptors(d)
			return now <= before[i], fmt.Sprintf("daemon %d has %d descriptors and had %d", i, now, before[i])
		})
	}
	shell.answers(t, "after all of them")
}

// echoed opens that many forwards, each of which has carried a text of its own there and back.
func echoed(t *testing.T, x *goclient.Client, address string, number int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, number)
	must(t, number, 64, func(i int) (err error) {
		conns[i], err = x.Dial("tcp", address)
		return err
	})
	converse(t, conns, "first")
	return conns
}

// converse has all of them under way at once.
func converse(t *testing.T, conns []net.Conn, word string) {
	t.Helper()
	must(t, len(conns), len(conns), func(i int) error {
		text := fmt.Sprintf("%s text of forward %d", word, i)
		if _, err := io.WriteString(conns[i], text); err != nil {
			return err
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(conns[i], got); err != nil || string(got) != text {
			return fmt.Errorf("forward %d answers %q, %v", i, got, err)
		}
		return nil
	})
}

// must calls a function with each number below a limit, so many at once, and stops the test at an error.
func must(t *testing.T, number, atOnce int, call func(int) error) {
	t.Helper()
	problems, places := make(chan error, number), make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range number {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if err := call(i); err != nil {
				problems <- err
			}
		})
	}
	all.Wait()
	close(problems)
	if err, failed := <-problems; failed {
		t.Fatalf("%d of %d fail, the first: %v", len(problems)+1, number, err)
	}
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		conn.Close()
	}
}

// shell is a session whose command answers with what it is sent.
type shell struct {
	in  io.Writer
	out io.Reader
}

func openShell(t *testing.T, x *goclient.Client) (s shell) {
	t.Helper()
	session, err := x.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	if s.in, err = session.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if s.out, err = session.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := session.Start("while read -r line; do echo \"answer to $line\"; done"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s shell) answers(t *testing.T, question string) {
	t.Helper()
	io.WriteString(s.in, question+"\n")
	want := "answer to " + question + "\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s.out, got); err != nil || string(got) != want {
		t.Fatalf("the shell answers %q, %v; want %q", got, err, want)
	}
}

func descriptors(d *world.Daemon) int {
	entries, _ := os.ReadDir("/proc/" + strconv.Itoa(d.PID()) + "/fd")
	return len(entries)
}

// settled waits until the number of descriptors of each stands still.
func settled(t *testing.T, daemons []*world.Daemon) []int {
	t.Helper()
	last, same := "", 0
	counts := make([]int, len(daemons))
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		for i, d := range daemons {
			counts[i] = descriptors(d)
		}
		now := strings.Trim(fmt.Sprint(counts), "[]")
		if same++; now != last {
			last, same = now, 0
		}
		return same >= 5, now
	})
	return counts
}
