// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/proof"
)

// evilRunners is what a runner, or who sits in its place, may do instead of proving itself.
var evilRunners = map[string]func(*visit){
	"answers 200":                 func(v *visit) { io.WriteString(v.conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") },
	"answers 400":                 func(v *visit) { io.WriteString(v.conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") },
	"answers 200 without an end":  func(v *visit) { io.WriteString(v.conn, "HTTP/1.1 200 OK\r\n\r\n") },
	"sends half a header":         func(v *visit) { io.WriteString(v.conn, "HTTP/1.1 101 Switching Protocols\r\nConn") },
	"sends half a header, closes": func(v *visit) { io.WriteString(v.conn, "HTTP/1.1 101 Switch"); v.conn.Close() },
	"sends garbage":               func(v *visit) { io.WriteString(v.conn, "\x00\xff\x1b[31m garbage\r\n\r\n") },
	"sends an SSH version":        func(v *visit) { io.WriteString(v.conn, "SSH-2.0-OpenSSH_9.2\r\n") },
	"sends nothing":               func(v *visit) {},
	"closes":                      func(v *visit) { v.conn.Close() },
	"sends a header without end": func(v *visit) {
		io.WriteString(v.conn, "HTTP/1.1 101 Switching Protocols\r\n"+strings.Repeat("X-Long: "+strings.Repeat("x", 1000)+"\r\n", 100))
	},
	"sends interim answers without end": func(v *visit) { io.WriteString(v.conn, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000)) },
	"gives no proof":                    func(v *visit) { v.answer101() },
	"gives an empty proof":              func(v *visit) { v.answer101("") },
	"gives zeros":                       func(v *visit) { v.answer101(strings.Repeat("0", 64)) },
	"gives half the proof":              func(v *visit) { v.answer101(v.right()[:32]) },
	"gives two proofs":                  func(v *visit) { v.answer101(v.right(), v.right()) },
	"gives the request's proof back":    func(v *visit) { v.answer101(v.request.Header.Get(api.HeaderProof)) },
	"has the key and another address": func(v *visit) {
		v.answer101(v.key.AddressKey("127.0.0.1:1").Response(v.exporter).String())
	},
	"has another container's key": func(v *visit) {
		v.answer101(proof.NewSystemToken().ContainerKey("x").AddressKey(v.runner.addr).Response(v.exporter).String())
	},
	"proves for another TLS session": func(v *visit) {
		v.answer101(v.key.AddressKey(v.runner.addr).Response(proof.Exporter{1}).String())
	},
	"switches to another protocol": func(v *visit) {
		fmt.Fprintf(v.conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n%s: %s\r\n\r\n", api.HeaderProof, v.right())
	},
	"switches without Connection": func(v *visit) {
		fmt.Fprintf(v.conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: ssh\r\n%s: %s\r\n\r\n", api.HeaderProof, v.right())
	},
}

// hangingRunners are those of them that only a timeout ends.
var hangingRunners = []string{"sends half a header", "sends nothing"}

// right is the proof that an honest runner gives.
func (v *visit) right() string { return v.key.AddressKey(v.runner.addr).Response(v.exporter).String() }

// drink takes everything that comes after the request, until the connection ends.
func (v *visit) drink() []byte {
	b, _ := io.ReadAll(v.br)
	return b
}

// TestNothingOfTheClientReachesARunnerThatHasNotProvedItself has the client send bytes right after its
// request, and every evil runner listen for them.
func TestNothingOfTheClientReachesARunnerThatHasNotProvedItself(t *testing.T) {
	const early = "BYTES-OF-THE-CLIENT"
	for name, evil := range evilRunners {
		t.Run(name, func(t *testing.T) {
			timeout := patience
			if slices.Contains(hangingRunners, name) {
				timeout = 400 * time.Millisecond
			}
			w := newWorld(t, func(cfg *controller.Config) { cfg.HandshakeTimeout = timeout })
			took := make(chan []byte, 1)
			c, runner := w.running("default", "web", func(v *visit) { evil(v); took <- v.drink() })
			a := w.raw(w.head("POST", api.PathContainerSSH("web"), sshHeaders(w.admin)) + early)
			p := a.problem(t)
			if a.status != http.StatusBadGateway || p.Code != api.CodeRunner || p.Node != "node-1" || !strings.Contains(p.Detail, `"node-1"`) {
				t.Errorf("the answer is %d: %s", a.status, a.body)
			}
			if strings.ContainsAny(p.Detail, "\x1b\x00") || strings.Contains(p.Detail, runner.addr) {
				t.Errorf("the answer holds what it should not: %q", p.Detail)
			}
			eventually(t, "the runner's connection is closed", func() bool { open, _ := runner.connections(); return open == 0 })
			select {
			case got := <-took:
				if len(got) != 0 {
					t.Errorf("the runner took %q", got)
				}
			default: // the timeout ended it before the request came
				if !slices.Contains(hangingRunners, name) {
					t.Error("no request came to the runner")
				}
			}
			w.untouched(c)
		})
	}
}

// untouched checks that a container's record knows of no session and the registry holds none.
func (w *world) untouched(c api.CreatedContainer) {
	w.t.Helper()
	v := must[api.Container](w, 200, "GET", api.PathContainer(api.Ref(c.ID)), w.admin, nil)
	if !v.Reusable || v.OpenedAt != nil || v.LastOpenedAt != nil || v.Sessions != 0 {
		w.t.Errorf("the container was stamped: %+v", v)
	}
	all := must[api.List[api.Session]](w, 200, "GET", api.PathSessions+"?state=all", w.admin, nil)
	if len(all.Items) != 0 {
		w.t.Errorf("there are sessions: %+v", all.Items)
	}
}

func TestRunnerThatSpeaksNoTLSOrAnOldOneIsRefused(t *testing.T) {
	old := &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{selfSigned(t)}}
	for name, serve := range map[string]func(net.Conn){
		"plain text": func(c net.Conn) { io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n"); io.Copy(io.Discard, c) },
		"silence":    func(c net.Conn) { io.Copy(io.Discard, c) },
		"the end":    func(net.Conn) {},
		"TLS 1.2":    func(c net.Conn) { tls.Server(c, old).Handshake() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(cfg *controller.Config) { cfg.HandshakeTimeout = 400 * time.Millisecond })
			c := w.register("default", "web")
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				serve(conn)
			}()
			w.report(c, l.Addr().String())
			w.turnedAway(502, api.CodeRunner, w.admin, "web")
			l.Close()
			<-done
			w.untouched(c)
		})
	}
}

// TestManInTheMiddleIsRefusedByBothEnds puts somebody between a controller and an honest runner who ends
// TLS on either side and passes everything on.
func TestManInTheMiddleIsRefusedByBothEnds(t *testing.T) {
	w := newWorld(t, nil)
	c := w.register("default", "web")
	honest := newRunner(t, c, nil)
	middle := newRunner(t, c, func(v *visit) {
		conn, err := tls.Dial("tcp", honest.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.Close()
		v.request.Write(conn)
		head, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil {
			io.WriteString(v.conn, head+"Content-Length: 0\r\n\r\n")
		}
	})
	w.report(c, middle.addr)
	p, _ := w.turnedAway(502, api.CodeRunner, w.admin, "web")
	if !strings.Contains(p.Detail, "400") {
		t.Errorf("the honest runner did not refuse: %s", p.Detail)
	}
	w.untouched(c)
}

func TestRunnerIsGivenTheGrant(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.user("alice")
	w.project("shop", map[string]api.Role{"alice": api.Member})
	c, runner := w.running("shop", "web", nil)
	conn, header, err := w.ssh(alice, "web.shop", http.Header{api.HeaderLocalUser: {"Alice S."}})
	if err != nil {
		t.Fatal(err, bodyOf(err))
	}
	defer conn.Close()
	runner.mu.Lock()
	defer runner.mu.Unlock()
	g := runner.grants[0]
	if string(g.SessionID) != header.Get(api.HeaderSession) || g.ContainerID != c.ID || g.User != "alice" || g.LocalUser != "Alice S." ||
		g.ClientAddress != conn.LocalAddr().String() || !g.Allows(api.FeatureShell) || !g.Allows(api.FeatureLocalForward) || len(g.Logins) != 0 {
		t.Errorf("the grant is %+v", g)
	}
	if d := time.Since(g.IssuedAt); d < -time.Second || d > api.GrantLifetime {
		t.Errorf("the grant was issued %v ago", d)
	}
}

func TestSessionStampsTheContainerOnce(t *testing.T) {
	w := newWorld(t, nil)
	c, _ := w.running("default", "web", nil)
	w.untouched(c)
	get := func() api.Container {
		return must[api.Container](w, 200, "GET", api.PathContainer("web"), w.admin, nil)
	}
	first, _ := w.enter(w.admin, "web")
	defer first.Close()
	one := get()
	if one.Reusable || one.OpenedAt == nil || one.LastOpenedAt == nil || !one.LastOpenedAt.Equal(*one.OpenedAt) || one.Sessions != 1 {
		t.Errorf("after the first session the record is %+v", one)
	}
	second, _ := w.enter(w.admin, "web")
	defer second.Close()
	two := get()
	if two.Reusable || !two.OpenedAt.Equal(*one.OpenedAt) || !two.LastOpenedAt.After(*one.LastOpenedAt) || two.Sessions != 2 {
		t.Errorf("after the second session the record is %+v", two)
	}
}
