// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/test/ports"
)

// A conversation is what one connection through a forward is for. The end that connects says which it is,
// in its first bytes, and both ends act by that.
type conversation struct {
	Kind          uint32 // see below
	Seed          uint64
	Forth, Back   uint32 // bytes each way
	ChunkForth, _ uint32
}

const (
	halfCloses    = iota // both send, each ends its direction, both read to the end
	closesFirst          // the one that connected sends and closes at once
	closedByOther        // the other sends and closes at once
	resets               // the one that connected resets somewhere in the middle: nothing is promised
	kinds
)

func newConversation(r *rand.Rand) conversation {
	return conversation{Kind: uint32(r.IntN(kinds)), Seed: r.Uint64(), Forth: uint32(r.IntN(300_000)), Back: uint32(r.IntN(300_000)),
		ChunkForth: uint32(1 + r.IntN(40_000))}
}

// data is what goes one way.
func (c conversation) data(salt uint64, n uint32) []byte {
	b := make([]byte, n)
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], c.Seed^salt)
	rand.NewChaCha8(seed).Read(b)
	return b
}

func (c conversation) forth() []byte { return c.data(1, c.Forth) }
func (c conversation) back() []byte  { return c.data(2, c.Back) }

// halfConn is a connection with half-close and reset: TCP.
type halfConn = *net.TCPConn

// call is the end that connects.
func (c conversation) call(conn halfConn) error {
	defer conn.Close()
	if err := binary.Write(conn, binary.BigEndian, c); err != nil {
		return err
	}
	switch c.Kind {
	case closesFirst:
		return writeChunks(conn, c.forth(), int(c.ChunkForth))
	case closedByOther:
		return expect(conn, c.back())
	case resets:
		conn.Write(c.forth())
		io.CopyN(io.Discard, conn, int64(c.Back/2))
		conn.SetLinger(0)
		return nil
	}
	wrote := make(chan error, 1)
	go func() {
		err := writeChunks(conn, c.forth(), int(c.ChunkForth))
		wrote <- errors.Join(err, conn.CloseWrite())
	}()
	return errors.Join(expect(conn, c.back()), <-wrote)
}

// answer is the other end. The error of a conversation that is reset is nil.
func answerCall(conn halfConn) (kind uint32, err error) {
	defer conn.Close()
	var c conversation
	if err := binary.Read(conn, binary.BigEndian, &c); err != nil {
		return resets, nil // it was reset before it began
	}
	switch c.Kind {
	case closesFirst:
		return c.Kind, expect(conn, c.forth())
	case closedByOther:
		return c.Kind, writeChunks(conn, c.back(), 5000)
	case resets:
		conn.Write(c.back())
		io.Copy(io.Discard, conn)
		return c.Kind, nil
	}
	wrote := make(chan error, 1)
	go func() { wrote <- errors.Join(writeChunks(conn, c.back(), 5000), conn.CloseWrite()) }()
	return c.Kind, errors.Join(expect(conn, c.forth()), <-wrote)
}

func writeChunks(conn net.Conn, b []byte, size int) error {
	for chunk := range slices.Chunk(b, size) {
		if _, err := conn.Write(chunk); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}

// expect reads to the end.
func expect(conn net.Conn, want []byte) error {
	got, err := io.ReadAll(conn)
	if err != nil || sha256.Sum256(got) != sha256.Sum256(want) {
		return fmt.Errorf("%d bytes came of %d, or others (%v)", len(got), len(want), err)
	}
	return nil
}

// answerCalls answers on a port until the test ends, and counts those that were answered in full.
func answerCalls(t *testing.T) (port int, answered *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answered = &atomic.Int32{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				switch kind, err := answerCall(conn.(*net.TCPConn)); {
				case err != nil:
					t.Errorf("the end that answers, kind %d: %v", kind, err)
				case kind != resets:
					answered.Add(1)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return l.Addr().(*net.TCPAddr).Port, answered
}

// TestOpenSSHForwardsLoseNothingHoweverConnectionsClose holds many conversations at once through -L and -R.
func TestOpenSSHForwardsLoseNothingHoweverConnectionsClose(t *testing.T) {
	const calls = 120
	for _, flag := range []string{"-L", "-R"} {
		t.Run(flag, func(t *testing.T) {
			h, _ := newPortHost(t)
			port, answered := answerCalls(t)
			entrance := ports.Free(t)
			h.sshInBackground(t, "-N", flag, fmt.Sprintf("127.0.0.1:%d:127.0.0.1:%d", entrance, port), "web")
			eventually(t, "the forward", func() bool {
				conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", entrance))
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
			r := rand.New(rand.NewPCG(1, 2))
			var talking sync.WaitGroup
			want := int32(0)
			for range calls {
				c := newConversation(r)
				if c.Kind != resets {
					want++
				}
				talking.Go(func() {
					conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", entrance))
					if err != nil {
						t.Error(err)
						return
					}
					if err := c.call(conn.(*net.TCPConn)); err != nil && c.Kind != resets {
						t.Errorf("the end that calls, kind %d: %v", c.Kind, err)
					}
				})
			}
			talking.Wait()
			eventually(t, "all answers", func() bool { return answered.Load() == want })
		})
	}
}

// TestOpenSSHKeepsItsShellBesideForwardsThatStall has two forwards stall, one each way.
func TestOpenSSHKeepsItsShellBesideForwardsThatStall(t *testing.T) {
	h, _ := newPortHost(t)
	dir := t.TempDir()
	sockets := map[string]string{"deaf": "", "loud": "", "fine": ""}
	ports := map[string]<-chan *net.TCPConn{}
	args := []string{}
	for name := range sockets {
		port, accepted := listener(t)
		sockets[name], ports[name] = filepath.Join(dir, name), accepted
		args = append(args, "-L", fmt.Sprintf("%s:127.0.0.1:%d", sockets[name], port))
	}
	cmd := h.ssh(t, append(args, "web", "cat")...)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	io.WriteString(in, "up\n")
	readUntil(t, out, "up\n")
	dial := func(name string) (near net.Conn, inside *net.TCPConn) {
		near, err := net.Dial("unix", sockets[name])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { near.Close() })
		inside = receive(t, ports[name])
		t.Cleanup(func() { inside.Close() })
		return near, inside
	}
	var filled atomic.Int64
	fill := func(w io.Writer) {
		chunk := make([]byte, 32<<10)
		for {
			n, err := w.Write(chunk)
			filled.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
	deaf, _ := dial("deaf")
	go fill(deaf)
	_, loud := dial("loud")
	go fill(loud)
	eventually(t, "both windows to be full", func() bool { return filled.Load() > 2*libraryWindow })

	near, inside := dial("fine")
	go func() { io.Copy(inside, inside); inside.CloseWrite() }()
	sent := strings.Repeat("0123456789abcdef", 1<<18)
	go func() { io.WriteString(near, sent); near.(*net.UnixConn).CloseWrite() }()
	if got := readAll(t, near); got != sent {
		t.Errorf("beside them %d bytes came back of %d", len(got), len(sent))
	}
	io.WriteString(in, "still here\n")
	readUntil(t, out, "still here\n")
}

func TestOpenSSHForwardsToIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("there is no IPv6: %v", err)
	}
	defer l.Close()
	var greeting sync.WaitGroup
	greeting.Go(func() {
		if conn, err := l.Accept(); err == nil {
			io.WriteString(conn, "by IPv6")
			conn.Close()
		}
	})
	stdout, stderr, _ := outcome(t, newHost(t).ssh(t, "-W", l.Addr().String(), "web"))
	if stdout != "by IPv6" {
		t.Errorf("got %q, stderr %q", stdout, stderr)
	}
	greeting.Wait()
}

// TestOpenSSHForwardsDynamically speaks SOCKS 5 (RFC 1928) to ssh -D, by address and by name.
func TestOpenSSHForwardsDynamically(t *testing.T) {
	h := newHost(t)
	entrance := ports.Free(t)
	h.sshInBackground(t, "-N", "-D", fmt.Sprintf("127.0.0.1:%d", entrance), "web")
	port, accepted := listener(t)
	for _, to := range [][]byte{append([]byte{1}, 127, 0, 0, 1), append([]byte{3, 9}, "localhost"...)} {
		var conn net.Conn
		eventually(t, "the proxy", func() (ok bool) {
			var err error
			conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", entrance))
			return err == nil
		})
		conn.Write([]byte{5, 1, 0})
		io.ReadFull(conn, make([]byte, 2))
		conn.Write(binary.BigEndian.AppendUint16(append([]byte{5, 1, 0}, to...), uint16(port)))
		reply := make([]byte, 10)
		if _, err := io.ReadFull(conn, reply); err != nil || reply[1] != 0 {
			t.Fatalf("the proxy says %v, %v", reply, err)
		}
		inside := receive(t, accepted)
		io.WriteString(conn, "hello")
		conn.(*net.TCPConn).CloseWrite()
		if got := readAll(t, inside); got != "hello" {
			t.Errorf("the inside got %q", got)
		}
		inside.Close()
		conn.Close()
	}
}

// TestOpenSSHJumpsThroughATarget reaches one target through another.
func TestOpenSSHJumpsThroughATarget(t *testing.T) {
	first, second := newHost(t), newHost(t)
	jump := append([]string{openSSH(t)}, first.sshOptions(t, first.listen(t))...)
	for i, arg := range jump {
		jump[i] = "'" + arg + "'"
	}
	proxy := strings.Join(append(jump, "-W", "%h:%p", "web"), " ")
	args := append(second.sshOptions(t, second.listen(t)), "-o", "ProxyCommand="+proxy, "web", "cat; exit 9")
	cmd := exec.Command(openSSH(t), args...)
	cmd.Stdin = strings.NewReader(strings.Repeat("x", 1<<20))
	stdout, stderr, status := outcome(t, cmd)
	if len(stdout) != 1<<20 || status != 9 {
		t.Errorf("%d bytes came back, status %d, stderr %q", len(stdout), status, stderr)
	}
}

func TestForwardsLeadWhereThePolicyPermits(t *testing.T) {
	port, accepted := listener(t)
	for policy, want := range map[PermitOpen]map[string]string{
		"":         {"127.0.0.1": "", "localhost": "", "::ffff:127.0.0.1": "", "192.0.2.1": "dialled"},
		PermitAny:  {"127.0.0.1": "", "localhost": "", "192.0.2.1": "dialled"},
		PermitNone: {"127.0.0.1": "you may not forward", "192.0.2.1": "you may not forward"},
		PermitLoopback: {"127.0.0.1": "", "localhost": "", "::ffff:127.0.0.1": "", "192.0.2.1": "only loopback", "0.0.0.0": "only loopback",
			"::": "only loopback", "::ffff:0.0.0.0": "only loopback", "::ffff:10.0.0.1": "only loopback", "::127.0.0.1": "only loopback",
			"64:ff9b::7f00:1": "only loopback", "fe80::1": "only loopback"},
	} {
		h, target := newFileHost(t)
		h.cfg.Forwards.PermitOpen = policy
		c, _ := h.dial("app")
		for host, refused := range want {
			if refused == "dialled" {
				continue // the network is nobody's to try
			}
			ch, requests, err := c.OpenChannel("direct-tcpip", encode(host, port, "", 0))
			var why *gossh.OpenChannelError
			switch {
			case refused == "" && err != nil:
				t.Errorf("%q: %s was refused: %v", policy, host, err)
			case refused == "":
				go gossh.DiscardRequests(requests)
				receive(t, accepted).Close()
				ch.Close()
			case err == nil:
				t.Errorf("%q: %s was opened", policy, host)
			case !errors.As(err, &why) || why.Reason != gossh.Prohibited || !strings.Contains(why.Message, refused):
				t.Errorf("%q: %s: got %v, want %q", policy, host, err, refused)
			}
		}
		path := filepath.Join(target.dir, "service"+string(policy))
		echoSocket(t, path)
		ch, requests, err := c.OpenChannel("direct-streamlocal@openssh.com", encode(path, "", 0))
		if (err != nil) != (policy == PermitNone) {
			t.Errorf("%q: a socket gives %v", policy, err)
		}
		if err == nil {
			ch.Close()
			for range requests { // until the close
			}
		}
	}
}

func TestLoopbackOnlyNeedsATargetThatCanFilter(t *testing.T) {
	h := newHost(t)
	h.cfg.Forwards.PermitOpen = PermitLoopback
	c, _ := h.dial("app")
	refusedChannel(t, c, "direct-tcpip", encode("127.0.0.1", 80, "", 0), gossh.Prohibited, "only loopback")
}

func TestPoliciesThatThereAreNotAreRefused(t *testing.T) {
	for _, p := range []ForwardPolicy{{PermitOpen: "all"}, {GatewayPorts: "maybe"}, {Unlink: "sometimes"}} {
		cfg := newHost(t).cfg
		cfg.Forwards = p
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
	if err := mayLoopback(netip.Addr{}); err == nil {
		t.Error("the zero address is taken for a loopback address")
	}
}
