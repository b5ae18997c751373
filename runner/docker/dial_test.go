// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"switchyard/test/rig"
)

// get asks a web server in the container for a path.
func (w *world) get(t *testing.T, host string, port uint16, path string) (string, error) {
	t.Helper()
	conn, err := w.target.Dial(t.Context(), host, port)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", path)
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return "", err
	}
	all, err := io.ReadAll(conn)
	_, body, _ := strings.Cut(string(all), "\r\n\r\n")
	return body, err
}

// serve starts a web server in the container and waits until it listens.
func (w *world) serve(t *testing.T, address string) {
	t.Helper()
	w.start(t, line("mkdir -p /www; echo it is me > /www/me; exec httpd -f -h /www -p "+address))
	rig.Eventually(t, timeout, func() (bool, string) {
		table := w.Shell(t, "netstat -ltn")
		return strings.Contains(table, strings.NewReplacer("[", "", "]", "").Replace(address)), table
	})
}

func TestDialReachesAServiceOfTheContainersLoopback(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{Hostname: "here"})
		w.serve(t, "127.0.0.1:80")
		for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST.", "::ffff:127.0.0.1"} {
			if got, err := w.get(t, host, 80, "/me"); got != "it is me\n" || err != nil {
				t.Errorf("%s: %q, %v", host, got, err)
			}
		}
		// The container's own address has nobody there.
		if _, err := w.get(t, "here", 80, "/me"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("here: %v", err)
		}
	})
}

func TestDialSpeaksIPv6(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{Adjust: func(o *createOptions) {
			o.HostConfig.Sysctls = map[string]string{"net.ipv6.conf.lo.disable_ipv6": "0"}
		}})
		w.serve(t, "[::1]:81")
		for _, host := range []string{"::1", "localhost", "six"} {
			w.Shell(t, "grep -q six /etc/hosts || echo '::1 six' >> /etc/hosts")
			if got, err := w.get(t, host, 81, "/me"); got != "it is me\n" || err != nil {
				t.Errorf("%s: %q, %v", host, got, err)
			}
		}
	})
}

func TestDialResolvesByTheContainersFiles(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{Hostname: "here"})
		w.serve(t, "0.0.0.0:82")
		w.Shell(t, "echo '127.0.0.9 nine.test alias' >> /etc/hosts")
		for _, host := range []string{"here", "nine.test", "ALIAS"} {
			if got, err := w.get(t, host, 82, "/me"); got != "it is me\n" || err != nil {
				t.Errorf("%s: %q, %v", host, got, err)
			}
		}
	})
}

func TestDialTellsRefusedFromUnknown(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{Network: "none"})
		for _, host := range []string{"127.0.0.1", "localhost", "::1"} {
			_, err := w.target.Dial(t.Context(), host, 9)
			if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EADDRNOTAVAIL) {
				t.Errorf("%s: %v", host, err)
			}
		}
		if _, err := w.target.Dial(t.Context(), "192.0.2.1", 9); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("without a network: %v", err)
		}
		var unknown *net.DNSError
		if _, err := w.target.Dial(t.Context(), "no such name", 9); !errors.As(err, &unknown) || !unknown.IsNotFound {
			t.Errorf("a name that is none: %v", err)
		}
	})
}

func TestDialAsksTheContainersNameServer(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		// A network of the user's own has the engine's name server at 127.0.0.11.
		engine := rig.NeedDocker(t)
		network := newNetwork(t, engine)
		server := engine.Run(t, rig.ContainerSpec{
			Network: network, Hostname: "server",
			Cmd: []string{"sh", "-c", "mkdir /www; echo it is me > /www/me; exec httpd -f -h /www -p 80"},
		})
		w := open(t, by, rig.ContainerSpec{Network: network})
		rig.Eventually(t, timeout, func() (bool, string) {
			got, err := w.get(t, server.Name, 80, "/me")
			return got == "it is me\n", fmt.Sprint(got, err)
		})
	})
}

func TestDialInAHostNetworkContainer(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			if conn, err := listener.Accept(); err == nil {
				_, _ = io.WriteString(conn, "the machine\n")
				conn.Close()
			}
		}()
		// The rig's own engine is in the machine's network only when it is not private.
		w := open(t, by, rig.ContainerSpec{Network: "host"})
		if w.PID(t) == 0 || !sameNetwork(t, w.PID(t)) {
			t.Skip("the engine's host network is not this process's")
		}
		conn, err := w.target.Dial(t.Context(), "localhost", uint16(listener.Addr().(*net.TCPAddr).Port))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got, err := bufio.NewReader(conn).ReadString('\n'); got != "the machine\n" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.target.Dial(ctx, "127.0.0.1", 80); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
