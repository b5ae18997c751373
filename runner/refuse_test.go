// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/upgrade"
)

func TestTheRightProofOpensASession(t *testing.T) {
	w := start(t, nil)
	s := w.run(w.ssh(), "echo hello; exit 3")
	s.says(t, "hello\n")
	if err := s.Wait(); err == nil || !strings.Contains(err.Error(), "status 3") {
		t.Errorf("the command ended with %v, need status 3", err)
	}
	if got := w.runner.Stats(); got.Accepted != 1 || got.Refused != 0 {
		t.Errorf("the counters are %+v", got)
	}
}

func TestBytesThatCameWithTheRequestBelongToSSH(t *testing.T) {
	w := start(t, nil)
	c := w.dial()
	var b bytes.Buffer
	w.request(c, encode(t, aGrant())).Write(&b)
	b.WriteString("SSH-2.0-early\r\n")
	if _, err := c.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	// After the 101 comes the server's version, and, since it has had ours, its key exchange.
	got := make([]byte, 2<<10)
	n, err := io.ReadAtLeast(c, got, 600)
	if err != nil || !bytes.Contains(got[:n], []byte("\r\n\r\nSSH-2.0-")) || !bytes.Contains(got[:n], []byte("curve25519")) {
		t.Errorf("the runner answered %q, %v", got[:n], err)
	}
}

// Everything that lacks the proof gets the one refusal, whatever was wrong.
func TestWhateverLacksTheProofIsRefusedAlike(t *testing.T) {
	w := start(t, nil)
	good := func(c *tls.Conn) *http.Request { return w.request(c, encode(t, aGrant())) }
	changed := func(change func(*http.Request, *tls.Conn)) func(*tls.Conn) []byte {
		return func(c *tls.Conn) []byte {
			r := good(c)
			change(r, c)
			return written(t, r)
		}
	}
	signed := func(change func(*api.Grant)) func(*tls.Conn) []byte {
		return func(c *tls.Conn) []byte {
			g := aGrant()
			change(&g)
			return written(t, w.request(c, encode(t, g)))
		}
	}
	raw := func(s string) func(*tls.Conn) []byte { return func(*tls.Conn) []byte { return []byte(s) } }
	other := w.dial()

	for name, attempt := range map[string]func(*tls.Conn) []byte{
		"another container's key": changed(func(r *http.Request, c *tls.Conn) {
			key := proof.NewSystemToken().ContainerKey(string(testID)).AddressKey(w.address)
			r.Header.Set(api.HeaderProof, key.Request(exporter(t, c), r.Header.Get(api.HeaderGrant)).String())
		}),
		"the right key for another address": changed(func(r *http.Request, c *tls.Conn) {
			key := testKey.AddressKey("192.0.2.1:7022")
			r.Header.Set(api.HeaderProof, key.Request(exporter(t, c), r.Header.Get(api.HeaderGrant)).String())
		}),
		"a proof of another TLS session": func(*tls.Conn) []byte { return written(t, good(other)) },
		"the runner's own proof": changed(func(r *http.Request, c *tls.Conn) {
			r.Header.Set(api.HeaderProof, testKey.AddressKey(w.address).Response(exporter(t, c)).String())
		}),
		"an altered grant": changed(func(r *http.Request, c *tls.Conn) {
			g := aGrant()
			g.User = "somebody-else"
			r.Header.Set(api.HeaderGrant, encode(t, g))
		}),
		"a grant for another container": signed(func(g *api.Grant) { g.ContainerID = "0198c7de-93c1-7a43-8b4d-ffffffffffff" }),
		"a grant of the past":           signed(func(g *api.Grant) { g.IssuedAt = time.Now().Add(-time.Hour) }),
		"a grant of the future":         signed(func(g *api.Grant) { g.IssuedAt = time.Now().Add(time.Hour) }),
		"a grant without a time":        signed(func(g *api.Grant) { g.IssuedAt = time.Time{} }),
		"a grant without a user":        signed(func(g *api.Grant) { g.User = "" }),
		"a signed grant that is none":   func(c *tls.Conn) []byte { return written(t, w.request(c, "bm90IGpzb24")) },
		"a signed empty grant":          func(c *tls.Conn) []byte { return written(t, w.request(c, "")) },
		"no proof":                      changed(func(r *http.Request, _ *tls.Conn) { r.Header.Del(api.HeaderProof) }),
		"no grant":                      changed(func(r *http.Request, _ *tls.Conn) { r.Header.Del(api.HeaderGrant) }),
		"two proofs": changed(func(r *http.Request, _ *tls.Conn) {
			r.Header[api.HeaderProof] = append(r.Header[api.HeaderProof], r.Header[api.HeaderProof]...)
		}),
		"two grants": changed(func(r *http.Request, _ *tls.Conn) {
			r.Header[api.HeaderGrant] = append(r.Header[api.HeaderGrant], r.Header[api.HeaderGrant]...)
		}),
		"a proof that is short": changed(func(r *http.Request, _ *tls.Conn) {
			r.Header.Set(api.HeaderProof, r.Header.Get(api.HeaderProof)[:62])
		}),
		"a proof that is long": changed(func(r *http.Request, _ *tls.Conn) {
			r.Header.Set(api.HeaderProof, r.Header.Get(api.HeaderProof)+"00")
		}),
		"a proof that is no number": changed(func(r *http.Request, _ *tls.Conn) { r.Header.Set(api.HeaderProof, strings.Repeat("z", 64)) }),
		"no upgrade":                changed(func(r *http.Request, _ *tls.Conn) { r.Header.Del("Upgrade") }),
		"two upgrades":              changed(func(r *http.Request, _ *tls.Conn) { r.Header["Upgrade"] = []string{"ssh", "ssh"} }),
		"another protocol":          changed(func(r *http.Request, _ *tls.Conn) { r.Header.Set("Upgrade", "websocket") }),
		"another method":            changed(func(r *http.Request, _ *tls.Conn) { r.Method = http.MethodGet }),
		"another path":              changed(func(r *http.Request, _ *tls.Conn) { r.URL.Path = "/" }),
		"a path with a query":       changed(func(r *http.Request, _ *tls.Conn) { r.URL.RawQuery = "x=y" }),
		"a body": changed(func(r *http.Request, _ *tls.Conn) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("body")), 4
		}),
		"HTTP/1.0": func(c *tls.Conn) []byte {
			return bytes.Replace(written(t, good(c)), []byte("HTTP/1.1"), []byte("HTTP/1.0"), 1)
		},
		"HTTP/2":           raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		"garbage":          raw("\x00\x01\x02\x03\r\n\r\n"),
		"an SSH client":    raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
		"a head too big":   raw("POST " + api.RunnerSSHPath + " HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Fill: "+strings.Repeat("x", 1000)+"\r\n", 100)),
		"one line too big": raw("POST /" + strings.Repeat("x", 100<<10)),
		"a grant too big": func(c *tls.Conn) []byte {
			return written(t, w.request(c, strings.Repeat("A", api.MaxGrantLength+1)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			go c.Write(attempt(c)) // what is too big is refused before it is taken
			if got := answer(t, c); got != refusal {
				t.Errorf("the answer is %q, need %q", got, refusal)
			}
		})
	}
	if got := w.runner.Stats(); got.Accepted != 0 || got.Refused == 0 {
		t.Errorf("the counters are %+v", got)
	}
	w.run(w.ssh(), "echo alive").says(t, "alive\n")
}

func TestARequestThatIsCutOffIsRefusedAlike(t *testing.T) {
	w := start(t, nil)
	for _, s := range []string{"", "P", "POST /v1/ssh HTTP/1.1\r\n", "POST /v1/ssh HTTP/1.1\r\nHost: x\r\n"} {
		c := w.dial()
		io.WriteString(c, s)
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := answer(t, c); got != refusal {
			t.Errorf("after %q the answer is %q, need %q", s, got, refusal)
		}
	}
}

func TestTheRefusalSaysNothing(t *testing.T) {
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(refusal)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusForbidden || r.ContentLength != 0 || len(r.Header) != 1 || !r.Close {
		t.Errorf("the refusal is %+v", r)
	}
}

func written(t *testing.T, r *http.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// answer reads all that the runner says.
func answer(t *testing.T, c *tls.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("reading the answer: %v", err)
	}
	return string(b)
}

func TestOnlyTLS13AndHTTP1AreSpoken(t *testing.T) {
	w := start(t, nil)
	for name, cfg := range map[string]*tls.Config{
		"TLS 1.2":     {MaxVersion: tls.VersionTLS12},
		"HTTP/2 only": {NextProtos: []string{"h2"}},
	} {
		if c, err := dialTLS(w.address, cfg); err == nil {
			c.Close()
			t.Errorf("%s: the handshake succeeded", name)
		}
	}
	c, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /v1/ssh HTTP/1.1\r\nHost: x\r\n\r\n")
	c.SetReadDeadline(time.Now().Add(limit))
	if b, err := io.ReadAll(c); bytes.Contains(b, []byte("HTTP")) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without TLS the answer is %q, %v", b, err)
	}
}

func TestWhoeverIsSlowIsCutOff(t *testing.T) {
	w := start(t, func(c *Config) { c.HandshakeTimeout = 50 * time.Millisecond })
	silent, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	half, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	half.Write([]byte{22, 3, 1, 2, 0, 1}) // the beginning of a ClientHello
	for _, c := range []net.Conn{silent, half} {
		c.SetReadDeadline(time.Now().Add(limit))
		var timeout net.Error
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("a silent connection got %v, need its end", err)
		}
	}
}

func TestATrustedConnectionHasNoDeadline(t *testing.T) {
	w, client := trusted(t, 500*time.Millisecond)
	// One that came later is cut off, so the deadline of the first has passed.
	late, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	late.SetReadDeadline(time.Now().Add(limit))
	late.Read(make([]byte, 1))
	w.run(client, "echo alive").says(t, "alive\n")
}

// trusted opens a connection to a runner with a timeout for the handshake: this one, or on a machine that is too busy for
// it a longer one.
func trusted(t *testing.T, timeout time.Duration) (*world, *ssh.Client) {
	t.Helper()
	for ; ; timeout *= 4 {
		w := start(t, func(c *Config) { c.HandshakeTimeout = timeout })
		conn := w.dial()
		upgraded, err := prove(conn, w.address)
		if err == nil {
			return w, w.sshOn(upgraded)
		}
		if timeout > limit {
			t.Fatal(err)
		}
	}
}

func TestAFloodOfSilentConnectionsKeepsNobodyOut(t *testing.T) {
	w := start(t, func(c *Config) { c.MaxWaiting, c.HandshakeTimeout = 4, limit })
	for range 20 {
		c, err := net.Dial("tcp", w.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	eventually(t, "the oldest were closed", func() bool { return w.runner.Stats().Evicted >= 16 })
	w.run(w.ssh(), "echo alive").says(t, "alive\n")
}

func TestAWrongProofIsWarnedOfButNotEachTime(t *testing.T) {
	w := start(t, nil)
	for range 5 {
		c := w.dial()
		r := w.request(c, encode(t, aGrant()))
		r.Header.Set(api.HeaderProof, strings.Repeat("0", 64))
		if _, _, err := upgrade.Do(context.Background(), c, r, api.ProtocolSSH); err == nil {
			t.Fatal("a wrong proof was taken")
		}
	}
	if n := strings.Count(w.log.String(), "level=warning"); n != 1 {
		t.Errorf("%d warnings, need 1:\n%s", n, w.log)
	}
}
