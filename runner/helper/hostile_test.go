// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"switchyard/runner/inside/broker"
	"switchyard/sshd"
	"switchyard/test/rig"
)

// deadline only bounds a failure.
const deadline = 60 * time.Second

// hostile is a process that speaks in the broker's place, as root of a container can.
type hostile struct {
	control *net.UnixConn
	ended   chan struct{}
	once    sync.Once
}

func (h *hostile) Stdin() io.WriteCloser        { return nil }
func (h *hostile) Stdout() io.Reader            { return strings.NewReader("") }
func (h *hostile) Stderr() io.Reader            { return strings.NewReader("words\x1b]0;\a of\nits own") }
func (h *hostile) Resize(sshd.WindowSize) error { return nil }
func (h *hostile) Signal(string) error          { return nil }
func (h *hostile) Break() error                 { return nil }
func (h *hostile) Wait() (sshd.Exit, error)     { <-h.ended; return sshd.Exit{}, nil }
func (h *hostile) End()                         { h.once.Do(func() { h.control.Close(); close(h.ended) }) }

// say sends a packet with descriptors, which it closes.
func (h *hostile) say(packet string, fds ...int) {
	_, _, _ = h.control.WriteMsgUnix([]byte(packet), unix.UnixRights(fds...), nil)
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// sayNothing sends an empty packet with a descriptor, which it closes. Go itself would put a byte into it.
func (h *hostile) sayNothing(fd int) {
	rights := unix.UnixRights(fd)
	message := unix.Msghdr{Control: &rights[0]}
	message.SetControllen(len(rights))
	raw, err := h.control.SyscallConn()
	if err != nil {
		panic(err)
	}
	_ = raw.Control(func(control uintptr) {
		if _, _, errno := unix.Syscall(unix.SYS_SENDMSG, control, uintptr(unsafe.Pointer(&message)), 0); errno != 0 {
			panic(errno)
		}
	})
	unix.Close(fd)
}

// against makes sockets whose broker is hostile: it greets, takes the first request, and answers.
func against(t *testing.T, greeting string, answer func(*hostile, broker.Request)) (sshd.Sockets, *hostile) {
	t.Helper()
	program, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	p := &Program{file: program}
	t.Cleanup(func() { p.Close() })
	h := &hostile{ended: make(chan struct{})}
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	s := p.Sockets(sshd.Account{Name: "alice"}, func(_ context.Context, _ []string, files []*os.File) (sshd.Process, error) {
		c, err := net.FileConn(files[1])
		if err != nil {
			return nil, err
		}
		h.control = c.(*net.UnixConn)
		go h.speak(greeting, answer)
		return h, nil
	}, quiet)
	t.Cleanup(func() { s.Close() })
	return s, h
}

func (h *hostile) speak(greeting string, answer func(*hostile, broker.Request)) {
	h.say(greeting)
	packet := make([]byte, broker.MaxMessage)
	n, err := h.control.Read(packet)
	if err != nil {
		h.End()
		return
	}
	if r, err := broker.Decode[broker.Request](packet[:n]); err == nil {
		answer(h, r)
	}
	for err == nil { // and ends with the connection, as a broker does
		_, err = h.control.Read(packet)
	}
	h.End()
}

const hello = `{"version":1}`

func socket(domain, kind int) int {
	fd, err := unix.Socket(domain, kind, 0)
	if err != nil {
		panic(err)
	}
	return fd
}

func file(path string, flags int) int {
	fd, err := unix.Open(path, flags, 0)
	if err != nil {
		panic(err)
	}
	return fd
}

func TestWhatABrokerMayNotSendIsRefusedAndEndsIt(t *testing.T) {
	for name, answer := range map[string]func(*hostile, broker.Request){
		"no socket":          func(h *hostile, _ broker.Request) { h.say(`{"id":1}`) },
		"a file":             func(h *hostile, _ broker.Request) { h.say(`{"id":1}`, file("/etc/passwd", unix.O_RDONLY)) },
		"a path":             func(h *hostile, _ broker.Request) { h.say(`{"id":1}`, file("/", unix.O_PATH)) },
		"a TCP socket":       func(h *hostile, _ broker.Request) { h.say(`{"id":1}`, socket(unix.AF_INET, unix.SOCK_STREAM)) },
		"a datagram socket":  func(h *hostile, _ broker.Request) { h.say(`{"id":1}`, socket(unix.AF_UNIX, unix.SOCK_DGRAM)) },
		"a listening socket": func(h *hostile, _ broker.Request) { h.say(`{"id":1}`, listening()) },
		"two sockets": func(h *hostile, _ broker.Request) {
			h.say(`{"id":1}`, socket(unix.AF_UNIX, unix.SOCK_STREAM), socket(unix.AF_UNIX, unix.SOCK_STREAM))
		},
		"a hundred sockets": func(h *hostile, _ broker.Request) { h.say(`{"id":1}`, many(100)...) },
		"an error with a socket": func(h *hostile, _ broker.Request) {
			h.say(`{"id":1,"errno":2}`, socket(unix.AF_UNIX, unix.SOCK_STREAM))
		},
		"an answer to no question":  func(h *hostile, _ broker.Request) { h.say(`{"id":99}`, socket(unix.AF_UNIX, unix.SOCK_STREAM)) },
		"no JSON":                   func(h *hostile, _ broker.Request) { h.say(`{"id":`, socket(unix.AF_UNIX, unix.SOCK_STREAM)) },
		"more than a message":       func(h *hostile, _ broker.Request) { h.say(strings.Repeat(" ", broker.MaxMessage+1)) },
		"nothing, and is gone then": func(h *hostile, _ broker.Request) { h.End() },
	} {
		t.Run(name, func(t *testing.T) {
			s, h := against(t, hello, answer)
			if c, err := s.Dial(t.Context(), "/a/socket"); err == nil {
				c.Close()
				t.Fatal("it was taken for a connection")
			}
			s.Close()
			<-h.ended
		})
	}
}

// An empty packet looks like the end of the stream to Go, and its descriptors would stay open for ever.
func TestWhatComesWithAnEmptyPacketIsClosed(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	s, h := against(t, hello, func(h *hostile, _ broker.Request) { h.sayNothing(fds[0]) })
	if _, err := s.Dial(t.Context(), "/a/socket"); err == nil {
		t.Fatal("an empty packet was taken for an answer")
	}
	<-h.ended // it is not waited for, having broken the protocol
	rig.Eventually(t, deadline, func() (bool, string) {
		n, err := unix.Read(fds[1], make([]byte, 1))
		return n == 0 && err == nil, "the descriptor is still open"
	})
}

func TestABrokersPathsAreOnesOrTheEnd(t *testing.T) {
	for _, path := range []string{"", "relative", "/two\nlines", "/\x1b[2J", "/" + strings.Repeat("x", 5000)} {
		s, h := against(t, hello, func(h *hostile, r broker.Request) {
			b, _ := broker.Encode(broker.Reply{ID: r.ID, Path: []byte(path)})
			h.say(string(b), listening())
		})
		if _, got, err := s.ListenPrivate(t.Context(), "agent"); err == nil {
			t.Errorf("the path %q was taken", got)
		}
		s.Close()
		<-h.ended
	}
}

func TestAnErrnoThatIsNoneIsAnErrorAllTheSame(t *testing.T) {
	for _, n := range []string{"-1", "4096", "123456789"} {
		s, _ := against(t, hello, func(h *hostile, _ broker.Request) { h.say(`{"id":1,"errno":` + n + `}`) })
		if _, err := s.Dial(t.Context(), "/a/socket"); err == nil || !strings.Contains(err.Error(), unix.EIO.Error()) {
			t.Errorf("errno %s: %v", n, err)
		}
	}
}

func TestAGreetingThatIsNoneEndsTheStart(t *testing.T) {
	for greeting, want := range map[string]string{
		`{"version":2}`: "--helper", `{`: "message", ``: "", strings.Repeat("x", broker.MaxMessage+2): "more than",
	} {
		s, h := against(t, greeting, func(*hostile, broker.Request) {})
		if _, err := s.Dial(t.Context(), "/a/socket"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("greeting %.20q: %v", greeting, err)
		}
		<-h.ended
	}
}

func TestTheLastWordsOfABrokerThatCannotStartAreToldWithoutEscapes(t *testing.T) {
	p := &hostile{ended: make(chan struct{})}
	ours, theirs, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.FileConn(theirs)
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	p.control = c.(*net.UnixConn)
	p.control.Close()
	client := newClient(ours, p, logrus.New())
	defer client.close()
	if err := client.greet(t.Context()); err == nil || !strings.HasSuffix(err.Error(), ": words ]0; of its own") {
		t.Errorf("the error is %q", err)
	}
}

func TestALateAnswerIsUndone(t *testing.T) {
	asked, answered := make(chan struct{}), make(chan struct{})
	removed := make(chan broker.Request, 1)
	s, h := against(t, hello, func(h *hostile, r broker.Request) {
		close(asked)
		<-answered
		h.say(`{"id":1}`, listening())
		packet := make([]byte, broker.MaxMessage)
		if n, err := h.control.Read(packet); err == nil {
			r, _ := broker.Decode[broker.Request](packet[:n])
			removed <- r
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := s.Listen(ctx, "/a/socket", false); err == nil {
		t.Fatal("it was listened on without an answer")
	}
	close(answered)
	if r := <-removed; r.Op != broker.Remove || r.Made != 1 {
		t.Errorf("then it was asked for %+v", r)
	}
	h.End()
}

func listening() int {
	fd := socket(unix.AF_UNIX, unix.SOCK_STREAM)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: ""}); err != nil {
		panic(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		panic(err)
	}
	return fd
}

func many(n int) (fds []int) {
	for range n {
		fds = append(fds, socket(unix.AF_UNIX, unix.SOCK_STREAM))
	}
	return fds
}
