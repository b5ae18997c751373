// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/test/e2e/internal/goclient"
	"switchyard/test/e2e/internal/inside"
	"switchyard/test/rig"
	"switchyard/test/world"
)

const (
	// stalledEachWay is how many forwards stall in either direction.
	stalledEachWay = 50
	// offered is what the sending end of each would send, in bytes. All of one direction is several times what a daemon
	// may grow by.
	offered = 64 << 20
)

// What a daemon may grow by, in bytes, while forwards stall.
const (
	// runnerBound is for what a client may have sent that nobody in the container takes, 128 MiB for a connection
	// (sshd.Config.MaxUnread). Go's collector lets garbage become as much as what lives (GOGC), so twice that. 64 MiB are for
	// the buffers that carry, at most 256 KiB for each direction of a forward, and for what runs. What the container
	// sends that the client does not take stays in the container's sockets, but for those buffers.
	runnerBound = 2*128<<20 + 64<<20
	// controllerBound is for what the controller has of a connection, however many forwards it has: the buffers that
	// carry, and what Go's collector has not come to yet.
	controllerBound = 32 << 20
	// raceFactor is what the race detector makes of each byte, with those in which it remembers who used it.
	raceFactor = 4
)

// raceDetected tells whether this test, and so the daemons (world.Build), are built with the race detector.
func raceDetected() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// TestStalledForwardsKeepNothingElseUpAndMemoryBounded has forwards stall each way: the client does not read what the
// container sends, and the container does not read what the client sends.
func TestStalledForwardsKeepNothingElseUpAndMemoryBounded(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{})
	x := goclient.Dial(t, w, "root", "web")
	shell := openShell(t, x)
	shell.answers(t, "before all of them")
	before := []int{resident(t, w.Controller), resident(t, web.Runner)}

	var up, down sent
	defer stallUp(t, x, web, &up)() // ends the connection, too
	stallDown(t, x, web, &down)
	awaitStalled(t, &up, &down)
	shell.answers(t, "beside all of them")
	expectCarried(t, x, web)
	expectGrowth(t, "controller", resident(t, w.Controller)-before[0], controllerBound)
	expectGrowth(t, "runner", resident(t, web.Runner)-before[1], runnerBound)
}

func expectGrowth(t *testing.T, name string, grown, bound int) {
	t.Helper()
	if raceDetected() {
		bound *= raceFactor
	}
	tell := t.Logf
	if grown > bound {
		tell = t.Errorf
	}
	tell("the %s grew by %d MiB, and may by %d", name, grown>>20, bound>>20)
}

// sent counts what the ends that send got rid of, and how many of them have sent all.
type sent struct{ total, whole atomic.Int64 }

// send sends as much as is offered, or until the connection ends.
func (s *sent) send(w io.Writer) {
	chunk := make([]byte, 32<<10)
	for left := offered; left > 0; left -= len(chunk) {
		n, err := w.Write(chunk)
		s.total.Add(int64(n))
		if err != nil {
			return
		}
	}
	s.whole.Add(1)
}

// stallUp has the client send to a server that does not read. The function ends the connection and waits for the ends
// that send.
func stallUp(t *testing.T, x *goclient.Client, web *world.Container, s *sent) (end func()) {
	t.Helper()
	release := make(chan struct{})
	// What the kernel keeps for each socket is not the daemons', so little of it is asked for.
	port := inside.Serve(t, web, func(*net.TCPConn) { <-release }, smallBuffers)
	t.Cleanup(func() { close(release) })
	var sending sync.WaitGroup
	for _, conn := range dialled(t, x, port) {
		sending.Go(func() { s.send(conn) })
	}
	return func() { x.End(); sending.Wait() }
}

// stallDown has a server send to a client that does not read.
func stallDown(t *testing.T, x *goclient.Client, web *world.Container, s *sent) {
	t.Helper()
	dialled(t, x, inside.Serve(t, web, func(conn *net.TCPConn) { s.send(conn) }, smallBuffers))
}

func smallBuffers(l *net.TCPListener) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for _, option := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF} {
			failed = errors.Join(failed, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, 64<<10))
		}
	})
	return errors.Join(err, failed)
}

func dialled(t *testing.T, x *goclient.Client, port int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, stalledEachWay)
	must(t, stalledEachWay, 8, func(i int) (err error) {
		conns[i], err = x.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		return err
	})
	return conns
}

// awaitStalled waits until nobody gets rid of any more.
func awaitStalled(t *testing.T, ways ...*sent) {
	t.Helper()
	last, same := "", 0
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		now := ""
		for _, s := range ways {
			now += fmt.Sprint(s.total.Load()>>10, " KiB, ")
			if n := s.whole.Load(); n > 0 {
				t.Fatalf("%d forwards took all of %d MiB that nobody read", n, offered>>20)
			}
		}
		if same++; now != last {
			last, same = now, 0
		}
		return same >= 10 && !strings.HasPrefix(now, "0 ") && !strings.Contains(now, " 0 "), now
	})
}

// expectCarried sends some megabytes by one more forward, and compares what comes back.
func expectCarried(t *testing.T, x *goclient.Client, web *world.Container) {
	t.Helper()
	conn, err := x.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", inside.Serve(t, web, echo)))
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		conn.Write(data)
		conn.(interface{ CloseWrite() error }).CloseWrite()
	})
	if got, err := io.ReadAll(conn); !bytes.Equal(got, data) || err != nil {
		t.Errorf("beside them %d bytes came back of %d, or others, %v", len(got), len(data), err)
	}
}

// resident is a daemon's resident memory (VmRSS, proc(5)), in bytes.
func resident(t *testing.T, d *world.Daemon) (bytes int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	if _, err := fmt.Sscan(after, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}
