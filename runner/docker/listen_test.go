// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// port listens in the container and returns the port.
func (w *world) listen(t *testing.T, host string) (net.Listener, int) {
	t.Helper()
	l, err := w.target.Listen(t.Context(), w.account(t, "root"), host, 0)
	if err != nil {
		t.Fatalf("%q: %v", host, err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().(*net.TCPAddr).Port
}

func TestListenListensOnTheContainersAddresses(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{Hostname: "here"})
	for host, by := range map[string][]string{"localhost": {"127.0.0.1"}, "": {"127.0.0.1", "here"}, "0.0.0.0": {"here"}} {
		l, port := w.listen(t, host)
		for _, name := range by {
			p := w.start(t, line(fmt.Sprintf("echo from inside | nc %s %d", name, port)))
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.LimitReader(conn, int64(len("from inside\n"))))
			if string(got) != "from inside\n" {
				t.Errorf("%q by %s: %q, %v", host, name, got, err)
			}
			conn.Close()
			p.End()
		}
		l.Close()
		if r := w.run(t, line(fmt.Sprintf("nc 127.0.0.1 %d </dev/null", port)), ""); r.exit.Code == 0 {
			t.Errorf("%q: the port listens after the listener's end", host)
		}
	}
	// The loopback is not the container's address.
	_, port := w.listen(t, "localhost")
	if r := w.run(t, line(fmt.Sprintf("nc here %d </dev/null", port)), ""); r.exit.Code == 0 {
		t.Error("a listener on the loopback is reached by the container's address")
	}
}

func TestListenRefusesWhatTheContainerWould(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{Adjust: func(o *createOptions) {
		o.HostConfig.Sysctls = map[string]string{"net.ipv4.ip_unprivileged_port_start": "1024"}
	}})
	root, other := w.account(t, "root"), sshd.Account{Name: "1000", UID: 1000}
	l, err := w.target.Listen(t.Context(), root, "localhost", 80)
	if err != nil {
		t.Fatalf("port 80 as root: %v", err)
	}
	defer l.Close()
	if _, err := w.target.Listen(t.Context(), root, "localhost", 80); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("port 80 again: %v", err)
	}
	if _, err := w.target.Listen(t.Context(), other, "localhost", 81); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "1024") {
		t.Errorf("port 81 as another: %v", err)
	}
	free, err := w.target.Listen(t.Context(), other, "localhost", 8081)
	if err != nil {
		t.Fatalf("port 8081 as another: %v", err)
	}
	free.Close()
}

func TestDialFilteredConnectsToNothingElse(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{Hostname: "here", Adjust: func(o *createOptions) {
		o.HostConfig.ExtraHosts = []string{"mixed:192.0.2.1", "mixed:127.0.0.1"}
	}})
	l, port := w.listen(t, "")
	refused := errors.New("not there")
	may := func(a netip.Addr) error {
		if a.Unmap().IsLoopback() {
			return nil
		}
		return refused
	}
	for _, host := range []string{"127.0.0.1", "localhost", "mixed", "::ffff:127.0.0.1", "127.8.8.8"} {
		conn, err := w.target.DialFiltered(t.Context(), host, uint16(port), may)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		inside, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		inside.Close()
		conn.Close()
	}
	for _, host := range []string{"here", "0.0.0.0", "::", "::ffff:0.0.0.0", "192.0.2.1", "no-such-name"} {
		if _, err := w.target.DialFiltered(t.Context(), host, uint16(port), may); !errors.Is(err, refused) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestHostnameIsTheContainers(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{Hostname: "here"})
	if got, err := w.target.Hostname(); got != "here" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
