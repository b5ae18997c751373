// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"switchyard/test/leaks"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

// system listens on this machine.
func system(network string, address netip.AddrPort) (net.Listener, error) {
	return net.Listen(network, address.String())
}

// script is a system that answers as it is told, and remembers what it was asked.
type script struct {
	asked   []string
	answers []error
}

func (s *script) one(network string, address netip.AddrPort) (net.Listener, error) {
	s.asked = append(s.asked, network+" "+address.String())
	var err error
	if len(s.answers) > 0 {
		err, s.answers = s.answers[0], s.answers[1:]
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Err: err}
	}
	port := address.Port()
	if port == 0 {
		port = uint16(4000 + len(s.asked))
	}
	return silent{port}, nil
}

// silent is a listener that nobody connects to.
type silent struct{ port uint16 }

func (silent) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (silent) Close() error              { return nil }
func (s silent) Addr() net.Addr          { return &net.TCPAddr{Port: int(s.port)} }

func TestEachHostMeansWhatTheRFCSays(t *testing.T) {
	for host, want := range map[string]string{
		"":                 "tcp [::]:80",
		"localhost":        "tcp4 127.0.0.1:80, tcp6 [::1]:80",
		"0.0.0.0":          "tcp4 0.0.0.0:80",
		"::":               "tcp6 [::]:80",
		"127.0.0.1":        "tcp4 127.0.0.1:80",
		"::1":              "tcp6 [::1]:80",
		"192.0.2.1":        "tcp4 192.0.2.1:80",
		"::ffff:192.0.2.1": "tcp4 192.0.2.1:80",
	} {
		var s script
		l, err := On(s.one, host, 80)
		if got := strings.Join(s.asked, ", "); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", host, got, err, want)
			continue
		}
		l.Close()
	}
	for _, host := range []string{"*", "web", "[::1]", "1.2.3", "127.0.0.1:80"} {
		if _, err := On((&script{}).one, host, 80); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", host)) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestAFamilyThatTheSystemLacksIsLeftOut(t *testing.T) {
	for _, lacking := range []error{syscall.EAFNOSUPPORT, syscall.EADDRNOTAVAIL} {
		for host, answers := range map[string][]error{"": {lacking, nil}, "localhost": {nil, lacking}} {
			s := script{answers: answers}
			l, err := On(s.one, host, 80)
			if err != nil {
				t.Errorf("%q with %v: %v", host, lacking, err)
				continue
			}
			l.Close()
		}
		s := script{answers: []error{lacking, nil}}
		if l, err := On(s.one, "localhost", 80); err != nil || s.asked[1] != "tcp6 [::1]:80" {
			t.Errorf("without IPv4: %v, %v, %v", l, err, s.asked)
		}
	}
}

func TestAPortThatOneFamilyHasInUseIsRefused(t *testing.T) {
	s := script{answers: []error{nil, syscall.EADDRINUSE}}
	if _, err := On(s.one, "localhost", 80); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v", err)
	}
}

func TestPortZeroIsTheSameInBothFamiliesAndTriedAgain(t *testing.T) {
	s := script{answers: []error{nil, syscall.EADDRINUSE, nil, nil}}
	l, err := On(s.one, "localhost", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := []string{"tcp4 127.0.0.1:0", "tcp6 [::1]:4001", "tcp4 127.0.0.1:0", "tcp6 [::1]:4003"}
	if port := l.Addr().(*net.TCPAddr).Port; !slices.Equal(s.asked, want) || port != 4003 {
		t.Errorf("asked %q and got port %d, want %q", s.asked, port, want)
	}
}

func TestBothLoopbacksAreOneListener(t *testing.T) {
	l, err := On(system, "localhost", 0)
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		inside, err := l.Accept()
		if err != nil || inside.RemoteAddr().String() != conn.LocalAddr().String() {
			t.Errorf("%s: accepted %v, %v", host, inside, err)
			continue
		}
		inside.Close()
	}
	untaken, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer untaken.Close()
	l.Close()
	if _, err := untaken.Read(make([]byte, 1)); err == nil {
		t.Error("a connection that nobody took is still open")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if _, err := net.Dial("tcp6", fmt.Sprintf("[::1]:%d", port)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a dial after Close: %v", err)
	}
}

func TestEverywhereIsBothFamilies(t *testing.T) {
	l, err := On(system, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(l.Addr().(*net.TCPAddr).Port)))
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		conn.Close()
	}
}

func TestPortsReservedForRootAreRefusedToOthers(t *testing.T) {
	for _, test := range []struct {
		uid     uint32
		port    uint16
		content string
		may     bool
	}{
		{1000, 1023, "1024\n", false}, {1000, 1024, "1024\n", true}, {0, 80, "1024\n", true},
		{1000, 80, "0\n", true}, {1000, 80, "", false}, {1000, 80, "rubbish", false}, {1000, 0, "1024\n", true},
		{1000, 65535, "65536\n", false},
	} {
		err := MayBind(test.uid, test.port, []byte(test.content))
		if (err == nil) != test.may || err != nil && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
