// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	gossh "golang.org/x/crypto/ssh"
)

// newLingering is a process that has ended its output, and runs on until it is ended or exits.
func newLingering() *scripted {
	p := newScripted()
	p.stdout, p.stderr = strings.NewReader("all"), strings.NewReader("")
	return p
}

// closeAndSync closes a channel as OpenSSH's client does when both directions have ended, and returns when the server has
// seen it.
func closeAndSync(t *testing.T, c *gossh.Client, ch gossh.Channel) {
	t.Helper()
	ch.CloseWrite()
	ch.Close()
	if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		t.Fatal(err)
	}
}

// expectStatus expects the exit status, and the close behind it.
func expectStatus(t *testing.T, reqs <-chan *gossh.Request, status byte) {
	t.Helper()
	if r := receive(t, reqs); r == nil || r.Type != "exit-status" || r.Payload[3] != status {
		t.Fatalf("got %v, want exit-status %d", r, status)
	}
	if r := receive(t, reqs); r != nil {
		t.Fatalf("%s came after exit-status, want the close", r.Type)
	}
}

func TestExitStatusArrivesAfterTheClientHasClosed(t *testing.T) {
	h := newHost(t)
	p := newLingering()
	p.plays(h)
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"x"})
	if got := readAll(t, ch); got != "all" {
		t.Errorf("got %q", got)
	}
	closeAndSync(t, c, ch)
	p.exits(Exit{Code: 4}, nil)
	expectStatus(t, reqs, 4)
}

func TestChannelsThatTheirClientClosedFirstLeaveRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.cfg.MaxSessions = 2
		near, far := memoryPair()
		c := h.mustOpen(t, h.serveConn(near, far))
		for i := range 300 {
			p := newLingering()
			p.plays(h)
			ch, reqs := openChannel(t, c)
			mustAccept(t, ch, "exec", execMsg{"x"})
			readAll(t, ch)
			closeAndSync(t, c, ch)
			p.exits(Exit{Code: i % 256}, nil)
			expectStatus(t, reqs, byte(i))
			synctest.Wait()
		}
	})
}

func TestTerminalIsHungUpByItsClientsCloseThoughItsOutputHasEnded(t *testing.T) {
	h := newHost(t)
	p, ended := newLingering(), newGate()
	p.stderr = nil
	p.onEnd = ended.open
	p.plays(h)
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm", Columns: 80, Rows: 24})
	mustAccept(t, ch, "exec", execMsg{"x"})
	readAll(t, ch)
	closeAndSync(t, c, ch)
	ended.wait(t)
	if r := receive(t, reqs); r == nil || r.Type != "exit-signal" {
		t.Errorf("got %v, want exit-signal", r)
	}
}

func TestEOFGoesEarlyInALibraryThatIsNotKnown(t *testing.T) {
	client, opens := libraryPair(t)
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() {
		ch, requests, err := receive(t, opens).Accept()
		if err != nil {
			t.Error(err)
			return
		}
		serving.Go(func() { gossh.DiscardRequests(requests) })
		o := &output{ch: &sessionChannel{Channel: ch}}
		o.linger()
	})
	ch, requests, err := client.OpenChannel("x", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	if got := readAll(t, ch); got != "" {
		t.Errorf("got %q", got)
	}
	ch.Close()
}

func TestProcessThatRunsOnBehindItsOutputHearsOfSignals(t *testing.T) {
	h := newHost(t)
	p := newLingering()
	p.plays(h)
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"x"})
	readAll(t, ch)
	mustAccept(t, ch, "signal", signalMsg{"USR1"})
	mustRefuse(t, ch, "no-such-request", nil)
	if got := p.nextCall(t); got != "signal USR1" {
		t.Errorf("got %s", got)
	}
	p.exits(Exit{Code: 9}, nil)
	expectStatus(t, reqs, 9)
	ch.Close()
}

// digestInput is a process's standard input of which the digest is kept. From a point on, it takes nothing until a gate opens.
type digestInput struct {
	hash.Hash
	taken  int
	point  atomic.Int64
	open   *gate
	closed *gate
}

func newDigestInput() *digestInput {
	in := &digestInput{Hash: sha256.New(), open: newGate(), closed: newGate()}
	in.point.Store(math.MaxInt64)
	return in
}

func (in *digestInput) Write(p []byte) (int, error) {
	in.taken += len(p)
	if int64(in.taken) > in.point.Load() {
		<-in.open.ch
	}
	return in.Hash.Write(p)
}

func (in *digestInput) Close() error { in.closed.open(); return nil }

// sendThrough sends until the output ends and then that much more, of which the process takes all but the last bytes.
func sendThrough(t *testing.T, ch io.Writer, in *digestInput, ended <-chan struct{}, more int) (digest []byte) {
	t.Helper()
	sum, chunk, sent := sha256.New(), make([]byte, 10007), 0
	dst := io.MultiWriter(ch, sum)
	for left := math.MaxInt; left > 0; left -= len(chunk) {
		select {
		case <-ended:
			ended, left = nil, more
			in.point.Store(int64(sent + more - 1))
		default:
		}
		binary.BigEndian.PutUint64(chunk, uint64(sent))
		if _, err := dst.Write(chunk); err != nil {
			t.Fatal(err)
		}
		sent += len(chunk)
	}
	return sum.Sum(nil)
}

// The client sends all the time: before the EOF of the output, beside it, and behind it. When it closes the channel,
// the process has not taken all of it yet.
func TestInputReachesAProcessThatHasEndedItsOutput(t *testing.T) {
	for name, channels := range map[string]int{"large windows": 0, "small windows": 16 << 10} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.cfg.MaxChannels = channels
			in, p := newDigestInput(), newLingering()
			p.stdin = in
			p.plays(h)
			c, _ := h.dial("app")
			ch, reqs := openChannel(t, c)
			mustAccept(t, ch, "exec", execMsg{"x"})
			ended := make(chan struct{})
			var reading sync.WaitGroup
			defer reading.Wait()
			reading.Go(func() { io.Copy(io.Discard, ch); close(ended) })

			sent := sendThrough(t, ch, in, ended, 3*libraryWindow)
			closeAndSync(t, c, ch)
			in.open.open()
			in.closed.wait(t)
			if !bytes.Equal(in.Sum(nil), sent) {
				t.Errorf("other input arrived than was sent, of %d bytes", in.taken)
			}
			p.exits(Exit{Code: 6}, nil)
			expectStatus(t, reqs, 6)
		})
	}
}

func TestProcessThatRunsOnBehindItsOutputEndsWithTheConnection(t *testing.T) {
	for name, end := range map[string]func(h *host, c *gossh.Client){
		"the client leaves": func(_ *host, c *gossh.Client) { c.Close() },
		"the server ends":   func(h *host, _ *gossh.Client) { h.cancel(nil) },
	} {
		for _, closed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, closed: %v", name, closed), func(t *testing.T) {
				h := newHost(t)
				p, ended := newLingering(), newGate()
				p.onEnd = ended.open
				p.plays(h)
				c, s := h.dial("app")
				ch, _ := openChannel(t, c)
				mustAccept(t, ch, "exec", execMsg{"x"})
				readAll(t, ch)
				if closed {
					closeAndSync(t, c, ch)
				}
				end(h, c)
				ended.wait(t)
				s.wait(t)
			})
		}
	}
}

// TestOpenSSHsMasterSeesTheStatusOfACommandThatEndedItsOutputs has OpenSSH's client close first: a ControlMaster does, where the
// plain client waits for the server. The command's outputs go to a log, and its input is longer than they last.
func TestOpenSSHsMasterSeesTheStatusOfACommandThatEndedItsOutputs(t *testing.T) {
	h := newHost(t)
	dir := t.TempDir()
	socket, goOn, copied := filepath.Join(dir, "m"), filepath.Join(dir, "go-on"), filepath.Join(dir, "copy")
	master := h.ssh(t, "-vv", "-M", "-N", "-S", socket, "web")
	log := startForStderr(t, master)
	readUntil(t, log, "setting up multiplex master socket")
	eventually(t, "the master's socket", func() bool { _, err := os.Stat(socket); return err == nil })

	sent := bytes.Repeat([]byte("0123456789abcdef"), libraryWindow/2/16) // all of it fits the window
	cmd := exec.Command(openSSH(t), "-F", "none", "-S", socket, "web", "exec >/dev/null 2>&1; until test -e "+goOn+"; do sleep 0.02; done; cat >"+copied+"; exit 3")
	cmd.Stdin = bytes.NewReader(sent)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	readUntil(t, log, ": send close")
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 3 {
		t.Errorf("status %d, want 3", got)
	}
	if got, err := os.ReadFile(copied); !bytes.Equal(got, sent) {
		t.Errorf("%d bytes arrived of %d, %v", len(got), len(sent), err)
	}
}

// startForStderr starts a command that runs until the test ends, for its standard error.
func startForStderr(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		io.Copy(io.Discard, stderr)
		cmd.Wait()
	})
	return stderr
}
