// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"testing"

	"switchyard/sshd"
)

func TestListenListensOnTheMachine(t *testing.T) {
	ctx := context.Background()
	l, err := target().Listen(ctx, sshd.Account{UID: 1000}, "localhost", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	inside, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	inside.Close()
	if _, err := target().Listen(ctx, sshd.Account{UID: 1000}, "127.0.0.1", port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the same port again: %v", err)
	}
}

func TestListenRefusesPortsOfRootToOthers(t *testing.T) {
	if first, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err == nil && string(first) == "0\n" {
		t.Skip("this machine reserves no ports")
	}
	if _, err := target().Listen(context.Background(), sshd.Account{UID: 1000}, "localhost", 1); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestDialFilteredAsksAboutEachAddressBeforeItDials(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	refused := errors.New("not there")
	var asked []netip.Addr
	may := func(a netip.Addr) error {
		asked = append(asked, a)
		if a.Unmap().IsLoopback() {
			return nil
		}
		return refused
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1"} {
		conn, err := target().DialFiltered(context.Background(), host, port, may)
		if err != nil || len(asked) == 0 {
			t.Errorf("%s: %v; asked about %v", host, err, asked)
			continue
		}
		conn.Close()
	}
	for _, host := range []string{"192.0.2.1", "0.0.0.0", "::", "no-such-name.invalid"} {
		if _, err := target().DialFiltered(context.Background(), host, port, may); !errors.Is(err, refused) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
