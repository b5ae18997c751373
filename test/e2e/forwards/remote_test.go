// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/moby/moby/client"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// greeter is a service of the user's machine that greets whoever connects and echoes until EOF. address is what
// ssh forwards to.
func greeter(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				io.WriteString(conn, "greetings\n")
				io.Copy(conn, struct{ io.Reader }{conn}) // by no pipe, which Go would keep for later (splice(2))
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return l.Addr().String()
}

// listening are the addresses on which something listens on the port in the container.
func listening(t *testing.T, c *world.Container, port int) string {
	t.Helper()
	var found []string
	for _, l := range strings.Split(c.Shell(t, "netstat -ltn"), "\n") {
		if f := strings.Fields(l); len(f) > 3 && strings.HasSuffix(f[3], fmt.Sprintf(":%d", port)) {
			found = append(found, strings.TrimSuffix(f[3], fmt.Sprintf(":%d", port)))
		}
	}
	return strings.Join(found, " ")
}

func awaitListening(t *testing.T, c *world.Container, port int) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) { return listening(t, c, port) != "", "nothing listens" })
}

func awaitSilence(t *testing.T, c *world.Container, port int) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) { s := listening(t, c, port); return s == "", "it listens on " + s })
}

// ask connects to the port inside and sends a line.
func ask(t *testing.T, c *world.Container, host string, port int) string {
	t.Helper()
	return c.Exec(t, "sh", "-c", fmt.Sprintf("echo hello | nc %s %d", host, port)).Stdout
}

func TestRemoteForwardsListenInsideTheContainer(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{})
	service := greeter(t, "tcp", "127.0.0.1:0")

	t.Run("-R", func(t *testing.T) {
		world.Background(t, w.SSHCommand(t, "-N", "-R", "8080:"+service, "root@web"))
		awaitListening(t, web, 8080)
		if got := ask(t, web, "127.0.0.1", 8080); got != "greetings\nhello\n" {
			t.Errorf("inside one gets %q", got)
		}
		if conn, err := net.Dial("tcp", "127.0.0.1:8080"); err == nil {
			conn.Close()
			t.Error("the port listens on this machine")
		}
		if r := w.SSH(t, "-o", "ExitOnForwardFailure=yes", "-R", "8080:"+service, "root@web", "true"); r.Code != 255 {
			t.Errorf("the port in use again: exit code %d, %q", r.Code, r.Stderr)
		}
	})
	t.Run("its end", func(t *testing.T) {
		c := w.SSHCommand(t, "-N", "-R", "8081:"+service, "root@web")
		world.Background(t, c)
		awaitListening(t, web, 8081)
		c.Process.Signal(syscall.SIGKILL)
		awaitSilence(t, web, 8081)
	})
	t.Run("port 0", func(t *testing.T) {
		log := world.Background(t, w.SSHCommand(t, "-N", "-R", "0:"+service, "root@web"))
		port := 0
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			_, rest, _ := strings.Cut(log.String(), "Allocated port ")
			n, _ := fmt.Sscan(rest, &port)
			return n == 1, log.String()
		})
		if got := ask(t, web, "127.0.0.1", port); got != "greetings\nhello\n" {
			t.Errorf("inside one gets %q at port %d", got, port)
		}
	})
	t.Run("large transfers", func(t *testing.T) {
		world.Background(t, w.SSHCommand(t, "-N", "-R", "8082:"+service, "root@web"))
		awaitListening(t, web, 8082)
		got := web.Shell(t, "dd if=/dev/zero bs=64k count=256 2>/dev/null | nc 127.0.0.1 8082 | wc -c")
		if want := fmt.Sprint(16<<20 + len("greetings\n")); strings.TrimSpace(got) != want {
			t.Errorf("%s bytes came back, want %s", got, want)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		socket := w.Master(t, "root@web")
		for _, port := range []int{8083, 8084} {
			if r := w.SSH(t, "-S", socket, "-O", "forward", "-R", fmt.Sprintf("%d:%s", port, service), "web"); r.Code != 0 {
				t.Fatalf("forward: %q", r.Stderr)
			}
			awaitListening(t, web, port)
		}
		web.Shell(t, "mkfifo /tmp/in; sleep 1000000 >/tmp/in 2>/dev/null & nc 127.0.0.1 8083 </tmp/in >/tmp/out 2>&1 &")
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			r := web.Exec(t, "cat", "/tmp/out")
			return r.Stdout == "greetings\n", r.Stdout + r.Stderr
		})
		if r := w.SSH(t, "-S", socket, "-O", "cancel", "-R", "8083:"+service, "web"); r.Code != 0 {
			t.Fatalf("cancel: %q", r.Stderr)
		}
		awaitSilence(t, web, 8083)
		if listening(t, web, 8084) == "" {
			t.Error("the other forward was cancelled, too")
		}
		web.Shell(t, "echo still >/tmp/in")
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			r := web.Exec(t, "cat", "/tmp/out")
			return r.Stdout == "greetings\nstill\n", r.Stdout
		})
	})
}

// TestACommandFindsItsOwnRemoteForward is how scripts use them: the port listens before the command runs.
func TestACommandFindsItsOwnRemoteForward(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	w.Run(t, "web", world.ContainerOptions{})
	service := greeter(t, "tcp", "127.0.0.1:0")
	for i := range 5 {
		port := 8100 + i
		r := w.SSH(t, "-R", fmt.Sprintf("%d:%s", port, service), "root@web", fmt.Sprintf("echo hello | nc 127.0.0.1 %d", port))
		if r.Stdout != "greetings\nhello\n" {
			t.Errorf("the command gets %q, %q", r.Stdout, r.Stderr)
		}
	}
}

func TestGatewayPortsDecideWhereRemoteForwardsListen(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	service := greeter(t, "tcp", "127.0.0.1:0")
	for policy, want := range map[string]map[string]string{
		"no":              {"": "127.0.0.1", "0.0.0.0:": "127.0.0.1", "*:": "127.0.0.1", "localhost:": "127.0.0.1"},
		"yes":             {"": "::", "0.0.0.0:": "::", "127.0.0.1:": "::"},
		"clientspecified": {"": "127.0.0.1", "0.0.0.0:": "0.0.0.0", "*:": "::", "127.0.0.1:": "127.0.0.1"},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			c := w.Run(t, "gateway-"+policy, world.ContainerOptions{RunnerArgs: []string{"--gateway-ports", policy}})
			port := 8000
			for asked, address := range want {
				port++
				world.Background(t, w.SSHCommand(t, "-N", "-R", fmt.Sprintf("%s%d:%s", asked, port, service), "root@gateway-"+policy))
				rig.Eventually(t, world.Deadline, func() (bool, string) { // on several addresses it begins one by one
					got := strings.TrimSpace(strings.ReplaceAll(listening(t, c, port), "::1", ""))
					return got == address || address == "::" && got == "0.0.0.0", // without IPv6
						fmt.Sprintf("%q: it listens on %q, want %q", asked, got, address)
				})
				if s := ask(t, c, "127.0.0.1", port); s != "greetings\nhello\n" {
					t.Errorf("%q: inside one gets %q", asked, s)
				}
			}
		})
	}
}

func TestPortsOfRootAreRefusedToOthersWithTheReason(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{Spec: rig.ContainerSpec{Adjust: func(o *client.ContainerCreateOptions) {
		o.HostConfig.Sysctls = map[string]string{"net.ipv4.ip_unprivileged_port_start": "1024"}
	}}})
	service := greeter(t, "tcp", "127.0.0.1:0")
	r := w.SSH(t, "-tt", "-R", "80:"+service, "alice@web", "echo the session goes on")
	all := r.Stdout + r.Stderr
	for _, want := range []string{"remote port forwarding failed for listen port 80", "switchyard: nothing listens on port 80: port 80 is reserved for root, use one from 1024", "the session goes on"} {
		if !strings.Contains(all, want) {
			t.Errorf("ssh said %q, want in it %q", all, want)
		}
	}
	world.Background(t, w.SSHCommand(t, "-N", "-R", "80:"+service, "root@web"))
	awaitListening(t, web, 80)
	world.Background(t, w.SSHCommand(t, "-N", "-R", "8080:"+service, "alice@web"))
	awaitListening(t, web, 8080)
}

// TestSocketForwardsHaveTheLoginsPermissions goes in by the one and out by the other, as the container has no program for
// sockets.
func TestSocketForwardsHaveTheLoginsPermissions(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--exec", "runc"}})
	web.Shell(t, "mkdir -p /home/alice && chown alice /home/alice && mkdir -m 711 /srv && mkdir -m 700 /srv/root")
	dir := t.TempDir()
	service, near := greeter(t, "unix", filepath.Join(dir, "service")), filepath.Join(dir, "near")
	socket := "/home/alice/socket"
	world.Background(t, w.SSHCommand(t, "-N", "-R", socket+":"+service, "alice@web"))
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := web.Exec(t, "stat", "-c", "%U %a %F", socket)
		return r.Stdout == "alice 600 socket\n", r.Stdout + r.Stderr
	})
	world.Background(t, w.SSHCommand(t, "-N", "-L", near+":"+socket, "alice@web"))
	var conn net.Conn
	rig.Eventually(t, world.Deadline, func() (ok bool, _ string) {
		var err error
		conn, err = net.Dial("unix", near)
		return err == nil, fmt.Sprint(err)
	})
	defer conn.Close()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { conn.Write(data); conn.(*net.UnixConn).CloseWrite() }()
	if got, err := io.ReadAll(conn); string(got) != "greetings\n"+string(data) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	for target, why := range map[string]string{socket: "permission denied", "/srv/root/x": "permission denied", "/nowhere": "no such socket"} {
		path := filepath.Join(dir, "bob-"+filepath.Base(target))
		log := world.Background(t, w.SSHCommand(t, "-v", "-N", "-L", path+":"+target, "bob@web"))
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			if conn, err := net.Dial("unix", path); err == nil {
				io.Copy(io.Discard, conn)
				conn.Close()
			}
			return strings.Contains(log.String(), why), log.String()
		})
	}
	if r := w.SSH(t, "-o", "ExitOnForwardFailure=yes", "-R", "/srv/root/mine:"+service, "bob@web", "true"); r.Code != 255 {
		t.Errorf("bob listens where he may not: exit code %d, %q", r.Code, r.Stderr)
	}
}

func TestStaleSocketIsReplacedAndALiveOneIsNot(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--exec", "runc"}})
	service := greeter(t, "unix", filepath.Join(t.TempDir(), "service"))
	forward := func() world.Result {
		return w.SSH(t, "-o", "ExitOnForwardFailure=yes", "-R", "/tmp/socket:"+service, "root@web", "true")
	}
	first := w.SSHCommand(t, "-N", "-R", "/tmp/socket:"+service, "root@web")
	world.Background(t, first)
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		return web.Exec(t, "test", "-S", "/tmp/socket").ExitCode == 0, "no socket"
	})
	if r := forward(); r.Code != 255 {
		t.Errorf("a live socket was replaced: %d, %q", r.Code, r.Stderr)
	}
	// Who would remove it at the connection's end is killed before.
	killed := 0
	for _, p := range web.Processes(t) {
		if p.PID != web.PID(t) {
			syscall.Kill(p.PID, syscall.SIGKILL)
			killed++
		}
	}
	if killed == 0 {
		t.Fatal("nothing in the container serves the socket")
	}
	first.Process.Kill()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := forward()
		return r.Code == 0, "a stale socket stays in the way: " + r.Stderr
	})
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		return web.Exec(t, "test", "-e", "/tmp/socket").ExitCode != 0, "the socket is left after the connection's end"
	})
}

// TestJumpThroughAContainerReachesAnotherServer uses ssh -J to an sshd that the container reaches: by its own loopback, where
// a remote forward leads there.
func TestJumpThroughAContainerReachesAnotherServer(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	server := rig.Sshd(t, rig.SshdOptions{})
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{})
	world.Background(t, w.SSHCommand(t, "-N", "-R", fmt.Sprintf("2222:127.0.0.1:%d", server.Port), "root@web"))
	awaitListening(t, web, 2222)
	r := w.SSHInput(t, strings.NewReader("through"), "-J", "root@web", "-p", "2222", "-i", server.Identity, "-o",
		"UserKnownHostsFile="+server.KnownHosts, "-o", fmt.Sprintf("HostKeyAlias=[127.0.0.1]:%d", server.Port), server.User+"@127.0.0.1", "cat; exit 3")
	if r.Stdout != "through" || r.Code != 3 {
		t.Errorf("got %q, exit code %d, stderr %q", r.Stdout, r.Code, r.Stderr)
	}
}
