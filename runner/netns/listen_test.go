// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netns

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/runner/listen"
	"switchyard/test/ports"
)

func TestListenListensInsideAndNotHere(t *testing.T) {
	ns, _, _ := enterWorld(t)
	for _, host := range []string{"localhost", "", "127.0.0.1", "::1", "0.0.0.0", "::"} {
		port := uint16(ports.Free(t))
		l, err := listen.On(ns.Listen, host, port)
		if err != nil {
			t.Errorf("%q: %v", host, err)
			continue
		}
		for address, listens := range map[string]bool{
			"127.0.0.1": host != "::1" && host != "::", "::1": host != "127.0.0.1" && host != "0.0.0.0",
		} {
			to := netip.AddrPortFrom(netip.MustParseAddr(address), port)
			conn, err := ns.DialContext(t.Context(), "tcp", to)
			if !listens {
				if !errors.Is(err, unix.ECONNREFUSED) {
					t.Errorf("%q: %s gives %v", host, address, err)
				}
				continue
			}
			must(t, err)
			inside, err := l.Accept()
			must(t, err)
			_, err = io.WriteString(conn, "through")
			must(t, err)
			must(t, conn.(*net.TCPConn).CloseWrite())
			if got, err := io.ReadAll(inside); string(got) != "through" || err != nil {
				t.Errorf("%q: %s carries %q, %v", host, address, got, err)
			}
			inside.Close()
			conn.Close()
			if here, err := net.Dial("tcp", to.String()); err == nil {
				here.Close()
				t.Errorf("%q: %v is reached from outside", host, to)
			}
		}
		// And this machine can give the port to somebody else.
		if here, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err != nil {
			t.Errorf("%q: it is listened on here, too: %v", host, err)
		} else {
			here.Close()
		}
		must(t, l.Close())
	}
}

func TestListenTellsTheSystemsOwnError(t *testing.T) {
	ns, port, _ := enterWorld(t)
	for network, address := range map[string]string{"tcp4": "127.0.0.1", "tcp6": "::1"} {
		l, err := ns.Listen(network, netip.AddrPortFrom(netip.MustParseAddr(address), port))
		if l != nil || !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("%s: %v, %v", address, l, err)
		}
	}
	if _, err := ns.Listen("tcp4", netip.MustParseAddrPort("192.0.2.1:0")); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("an address that is none of its own: %v", err)
	}
}

func TestTheNamespacesOwnRuleSaysWhichPortsAreReserved(t *testing.T) {
	ns, _, _ := enterWorld(t)
	// A new namespace has the kernel's default, whatever this machine's own has.
	if err := ns.MayBind(1000, 1023); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("port 1023 for a user: %v", err)
	}
	if err := ns.MayBind(1000, 1024); err != nil {
		t.Errorf("port 1024 for a user: %v", err)
	}
	if err := ns.MayBind(0, 1); err != nil {
		t.Errorf("port 1 for root: %v", err)
	}
	onThread(func() bool {
		if err := ns.enter(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
		} else if err := os.WriteFile(listen.UnprivilegedPortFile, []byte("80"), 0o644); err != nil {
			t.Error(err)
		}
		return false
	})
	if err := ns.MayBind(1000, 80); err != nil {
		t.Errorf("port 80 for a user, from 80 on allowed: %v", err)
	}
	if err := ns.MayBind(1000, 79); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("port 79 for a user, from 80 on allowed: %v", err)
	}
}

func TestHostnameIsTheNamespaces(t *testing.T) {
	ns, _, end := enterWorld(t)
	want, err := os.Hostname() // the world's UTS namespace is this machine's
	must(t, err)
	if got, err := ns.Hostname(); got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	end()
	if _, err := ns.Hostname(); !errors.Is(err, ErrGone) {
		t.Errorf("after its end: %v", err)
	}
	if _, err := ns.Listen("tcp4", netip.MustParseAddrPort("127.0.0.1:0")); !errors.Is(err, ErrGone) {
		t.Errorf("listening after its end: %v", err)
	}
	if err := ns.MayBind(1, 1); !errors.Is(err, ErrGone) {
		t.Errorf("asking for a port after its end: %v", err)
	}
}
