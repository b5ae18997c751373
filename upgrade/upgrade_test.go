// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnUpgradedConnectionCarriesBytesAndHalfCloses(t *testing.T) {
	for name, pair := range connTypes {
		t.Run(name, func(t *testing.T) {
			client, server := upgradedPair(t, pair)
			sendAll(t, client, "from the client")
			expectAll(t, server, "from the client")
			sendAll(t, server, "from the server") // its own direction is still open
			expectAll(t, client, "from the server")
		})
	}
}

func sendAll(t *testing.T, c *Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

func expectAll(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil || string(b) != want {
		t.Fatalf("got %q, %v, want %q", b, err, want)
	}
}

// A client may send its first bytes right behind the request, and a server behind the 101.
func TestBytesThatCameWithTheHeadAreDelivered(t *testing.T) {
	client, server := tcpPair(t)
	accepted := make(chan *Conn, 1)
	serve(t, server, func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, "ssh", nil)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	})
	const early = "SSH-2.0-early\r\n"
	io.WriteString(client, "POST /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ssh\r\n\r\n"+early)
	b := make([]byte, len(early))
	if _, err := io.ReadFull(<-accepted, b); err != nil || string(b) != early {
		t.Errorf("the server reads %q, %v", b, err)
	}

	client, server = tcpPair(t)
	go func() {
		http.ReadRequest(bufio.NewReader(server))
		io.WriteString(server, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: SSH\r\n\r\n"+early)
		server.Close()
	}()
	conn, _, err := Do(t.Context(), client, newRequest(t), "ssh")
	if err != nil {
		t.Fatal(err)
	}
	expectAll(t, conn, early)
}

func TestCheckRefusesWhatIsNoUpgrade(t *testing.T) {
	good := func() *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/x", nil)
		r.Header.Set("Connection", "keep-alive, Upgrade")
		r.Header.Set("Upgrade", "ssh")
		return r
	}
	if err := Check(good(), "ssh"); err != nil {
		t.Fatalf("a proper request: %v", err)
	}
	for what, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"HTTP/2":            {func(r *http.Request) { r.ProtoMajor, r.ProtoMinor, r.Proto = 2, 0, "HTTP/2.0" }, 426},
		"HTTP/1.0":          {func(r *http.Request) { r.ProtoMinor, r.Proto = 0, "HTTP/1.0" }, 426},
		"no Upgrade":        {func(r *http.Request) { r.Header.Del("Upgrade") }, 426},
		"no Connection":     {func(r *http.Request) { r.Header.Del("Connection") }, 426},
		"another protocol":  {func(r *http.Request) { r.Header.Set("Upgrade", "websocket") }, 426},
		"a list":            {func(r *http.Request) { r.Header.Set("Upgrade", "ssh, websocket") }, 426},
		"two Upgrades":      {func(r *http.Request) { r.Header.Add("Upgrade", "ssh") }, 400},
		"a body":            {func(r *http.Request) { r.ContentLength = 5 }, 400},
		"a body of unknown": {func(r *http.Request) { r.ContentLength = -1; r.TransferEncoding = []string{"chunked"} }, 400},
	} {
		r := good()
		c.change(r)
		var refusal *Refusal
		if err := Check(r, "ssh"); !errors.As(err, &refusal) || refusal.Status != c.status {
			t.Errorf("%s: got %v, want status %d", what, err, c.status)
		}
	}
}

func TestAcceptAnswersWhenTheConnectionCannotBeTaken(t *testing.T) {
	w := httptest.NewRecorder() // not a Hijacker
	if _, err := Accept(w, "ssh", nil); err == nil || w.Code != http.StatusInternalServerError {
		t.Errorf("got %v and status %d", err, w.Code)
	}
}

// answers returns a client connection whose peer reads the request and then sends raw and closes.
func answers(t *testing.T, raw string) net.Conn {
	client, server := tcpPair(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		http.ReadRequest(bufio.NewReader(server))
		io.WriteString(server, raw)
	}()
	t.Cleanup(func() { client.Close(); <-done })
	return client
}

func TestDoRefusesEveryOtherAnswer(t *testing.T) {
	const ok = "HTTP/1.1 101 Switching Protocols\r\n"
	for what, c := range map[string]struct {
		raw    string
		status int // of a ResponseError; 0: some other error
		text   string
	}{
		"200":                  {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "need 101"},
		"400":                  {"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad", 400, "need 101"},
		"nothing":              {"", 0, "ended before"},
		"half a header":        {"HTTP/1.1 101 Switching Pro", 0, "ended before"},
		"half of the headers":  {ok + "Connection: Upgrade\r\nUpg", 0, "malformed"},
		"garbage":              {"\x16\x03\x01\x00\xff\x00\x00\r\n\r\n", 0, "malformed"},
		"SSH":                  {"SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, "malformed"},
		"101 without upgrade":  {ok + "Connection: Upgrade\r\n\r\n", 101, "switches to"},
		"101 to another":       {ok + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 101, `"h2c"`},
		"101 to two":           {ok + "Connection: Upgrade\r\nUpgrade: ssh\r\nUpgrade: ssh\r\n\r\n", 101, "switches to"},
		"101 not a connection": {ok + "Upgrade: ssh\r\n\r\n", 101, "without"},
		"a huge head":          {ok + "X: " + strings.Repeat("x", MaxHead) + "\r\n\r\n", 0, "longer than"},
		"endless 100s":         {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10), 0, "interim"},
	} {
		t.Run(what, func(t *testing.T) {
			client := answers(t, c.raw)
			conn, _, err := Do(t.Context(), client, newRequest(t), "ssh")
			if err == nil {
				conn.Close()
				t.Fatal("no error")
			}
			var re *ResponseError
			if c.status != 0 && (!errors.As(err, &re) || re.Status != c.status) {
				t.Errorf("got %v, want status %d", err, c.status)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %q, want %q in it", err, c.text)
			}
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the connection is still open: %v", err)
			}
		})
	}
}

func TestDoKeepsTheExplanationOfARefusal(t *testing.T) {
	client := answers(t, "HTTP/1.1 403 Forbidden\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nbecause x")
	_, _, err := Do(t.Context(), client, newRequest(t), "ssh")
	var re *ResponseError
	if !errors.As(err, &re) || string(re.Body) != "because x" || re.Header.Get("Retry-After") != "7" {
		t.Errorf("got %#v", err)
	}
}

func TestDoSkipsInterimAnswers(t *testing.T) {
	client := answers(t, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: ssh\r\n\r\nhi")
	conn, _, err := Do(t.Context(), client, newRequest(t), "ssh")
	if err != nil {
		t.Fatal(err)
	}
	expectAll(t, conn, "hi")
}

func TestDoEndsWithItsContext(t *testing.T) {
	client, server := tcpPair(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	go func() {
		http.ReadRequest(bufio.NewReader(server)) // the request is there, the answer never comes
		cancel(why)
	}()
	if _, _, err := Do(ctx, client, newRequest(t), "ssh"); !errors.Is(err, why) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

// The law: whatever the peer answers, Do returns a connection only for a 101 to the protocol asked
// for, and what follows the head is what the connection delivers first.
func FuzzDo(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ssh\r\n\r\nSSH-2.0-x\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 x\r\nConnection: a,upgrade\r\nUpgrade: SSH\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := &scripted{in: raw}
		r, err := http.NewRequest(http.MethodPost, "https://h/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		conn, header, err := Do(context.Background(), c, r, "ssh")
		if err != nil {
			if !c.closed {
				t.Error("the connection was left open")
			}
			return
		}
		if !strings.EqualFold(header.Get("Upgrade"), "ssh") {
			t.Errorf("upgraded by %q", raw)
		}
		rest, _ := io.ReadAll(conn)
		if !strings.HasSuffix(string(raw), string(rest)) {
			t.Errorf("%q is not the end of %q", rest, raw)
		}
	})
}
