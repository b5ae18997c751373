// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// oneServer is the files of a container with one name server, which answers, if late on a busy machine.
var oneServer = files{"/etc/resolv.conf": "nameserver 127.0.0.11\nsearch a.test b.test\noptions timeout:30 attempts:1"}

func lookup(t *testing.T, r *Resolver, host string) string {
	t.Helper()
	found, err := r.Lookup(t.Context(), host)
	if err != nil {
		t.Fatalf("%q: %v", host, err)
	}
	return texts(found)
}

func TestAnAddressIsItself(t *testing.T) {
	r := resolver(files{}, nil)
	for _, host := range []string{"10.0.0.1", "::1", "fe80::1%3"} {
		if got := lookup(t, r, host); got != host {
			t.Errorf("%s: got %s", host, got)
		}
	}
}

func TestHostsComeBeforeDNS(t *testing.T) {
	s := serve(t, zone(map[string][]string{"web. A": {"web. A 10.9.9.9"}}))
	f := files{"/etc/hosts": hostsFile, "/etc/resolv.conf": "nameserver 127.0.0.11\n"}
	r := resolver(f, map[string]*server{"127.0.0.11": s})
	if got := lookup(t, r, "web"); got != "10.0.0.5 10.0.0.6" {
		t.Errorf("got %s", got)
	}
	if asked := s.questions(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

func TestLocalhostIsTheLoopbackWhateverDNSSays(t *testing.T) {
	r := resolver(files{}, nil)
	for _, host := range []string{"localhost", "LocalHost.", "a.localhost"} {
		if got := lookup(t, r, host); got != "127.0.0.1 ::1" {
			t.Errorf("%s: got %s", host, got)
		}
	}
	r = resolver(files{"/etc/hosts": "10.1.1.1 localhost\n"}, nil)
	if got := lookup(t, r, "localhost"); got != "10.1.1.1" {
		t.Errorf("with an entry: got %s", got)
	}
}

func TestDNSIsSearchedAsConfigured(t *testing.T) {
	s := serve(t, zone(map[string][]string{
		"db.b.test. A":       {"db.b.test. A 10.0.0.1"},
		"db.b.test. AAAA":    {"db.b.test. AAAA 2001:db8::1"},
		"far.example. A":     {"far.example. CNAME x.", "y. A 10.0.0.2", "x. CNAME y.", "stranger. A 10.6.6.6"},
		"only6.a.test. AAAA": {"only6.a.test. AAAA 2001:db8::2"},
	}))
	r := resolver(oneServer, map[string]*server{"127.0.0.11": s})
	for host, want := range map[string]string{
		"db": "2001:db8::1 10.0.0.1", "db.b.test": "2001:db8::1 10.0.0.1", "far.example.": "10.0.0.2", "only6": "2001:db8::2",
	} {
		if got := lookup(t, r, host); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
	if asked := s.questions(); !slices.Contains(asked, "udp db.a.test. A") {
		t.Errorf("the first of the search list was not asked for: %q", asked)
	}
}

func TestANameThatDoesNotExistIsNotFound(t *testing.T) {
	s := serve(t, zone(nil))
	r := resolver(oneServer, map[string]*server{"127.0.0.11": s})
	_, err := r.Lookup(t.Context(), "nowhere")
	var unknown *net.DNSError
	if !errors.As(err, &unknown) || !unknown.IsNotFound || unknown.Name != "nowhere" {
		t.Errorf("got %v", err)
	}
	if got := len(s.questions()); got != 6 { // three candidates, two types
		t.Errorf("%d questions", got)
	}
}

func TestNamesThatAreNoneAreNotAskedFor(t *testing.T) {
	s := serve(t, zone(nil))
	r := resolver(oneServer, map[string]*server{"127.0.0.11": s})
	for _, host := range []string{"", ".", ".a", "a..b", "a b", "a\nb", `a\.b`, "a\x00", "ä.test", "a/b", "[::1]", "1.2.3.4:5", strings.Repeat("a", 254)} {
		_, err := r.Lookup(t.Context(), host)
		var unknown *net.DNSError
		if !errors.As(err, &unknown) || !unknown.IsNotFound || strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%q: %v", host, err)
		}
	}
	if asked := s.questions(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

func TestTheNextServerIsAskedWhenOneFails(t *testing.T) {
	for name, bad := range map[string]func(string, *dns.Msg) *dns.Msg{
		"it refuses":         func(_ string, q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) },
		"it fails":           func(_ string, q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure) },
		"it does not answer": func(string, *dns.Msg) *dns.Msg { return nil },
		"it is not asked": func(_ string, q *dns.Msg) *dns.Msg {
			reply := new(dns.Msg).SetReply(q)
			reply.Question[0].Name = "other."
			return reply
		},
		"it asks back": func(_ string, q *dns.Msg) *dns.Msg { return q },
	} {
		t.Run(name, func(t *testing.T) {
			good := serve(t, zone(map[string][]string{"web.test. A": {"web.test. A 10.0.0.1"}}))
			f := files{"/etc/resolv.conf": "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\noptions timeout:1 attempts:5"} // 3 may be late, too
			r := resolver(f, map[string]*server{"10.0.0.2": serve(t, bad), "10.0.0.3": good})
			if got := lookup(t, r, "web.test"); got != "10.0.0.1" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestAServersFailureIsNoUnknownName(t *testing.T) {
	r := resolver(files{"/etc/resolv.conf": "nameserver 10.0.0.1\noptions attempts:1"}, nil)
	_, err := r.Lookup(t.Context(), "web.test")
	var failed *net.DNSError
	if !errors.As(err, &failed) || failed.IsNotFound || !failed.IsTemporary || !strings.Contains(err.Error(), "10.0.0.1:53") {
		t.Errorf("got %v", err)
	}
}

func TestAnAnswerThatDoesNotFitIsFetchedOverTCP(t *testing.T) {
	all := map[string][]string{}
	var want []string
	for i := range maxAddresses + 100 {
		all["big.test. A"] = append(all["big.test. A"], fmt.Sprintf("big.test. A 10.0.1.%d", i))
		want = append(want, fmt.Sprintf("10.0.1.%d", i))
	}
	answer := zone(all)
	s := serve(t, func(network string, q *dns.Msg) *dns.Msg {
		reply := answer(network, q)
		if network == "udp" {
			reply.Truncate(payload)
		}
		return reply
	})
	r := resolver(oneServer, map[string]*server{"127.0.0.11": s})
	if got := lookup(t, r, "big.test"); got != strings.Join(want[:maxAddresses], " ") {
		t.Errorf("got %s", got)
	}
	if asked := s.questions(); !slices.Contains(asked, "tcp big.test. A") {
		t.Errorf("asked %q", asked)
	}
}

func TestAnOldServerIsAskedWithoutEDNS(t *testing.T) {
	answer := zone(map[string][]string{"web.test. A": {"web.test. A 10.0.0.1"}})
	s := serve(t, func(network string, q *dns.Msg) *dns.Msg {
		if q.IsEdns0() != nil {
			return new(dns.Msg).SetRcodeFormatError(q)
		}
		return answer(network, q)
	})
	if got := lookup(t, resolver(oneServer, map[string]*server{"127.0.0.11": s}), "web.test"); got != "10.0.0.1" {
		t.Errorf("got %s", got)
	}
}

func TestALookupEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(string, *dns.Msg) *dns.Msg {
		cancel()
		return nil
	})
	f := files{"/etc/resolv.conf": "nameserver 127.0.0.11\noptions timeout:30"}
	if _, err := resolver(f, map[string]*server{"127.0.0.11": s}).Lookup(ctx, "web.test"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatCannotBeReadIsTold(t *testing.T) {
	broken := errors.New("it is a FIFO")
	r := &Resolver{ReadFile: func(context.Context, string) ([]byte, error) { return nil, broken }}
	if _, err := r.Lookup(t.Context(), "web"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// dialer is a network where some addresses answer, and the rest fail so.
func dialer(answering string, failures map[string]error) *Resolver {
	f := files{"/etc/hosts": "10.0.0.1 web\n10.0.0.2 web\n10.0.0.3 web\n"}
	return &Resolver{ReadFile: f.read, Dial: func(_ context.Context, _ string, a netip.AddrPort) (net.Conn, error) {
		host := a.Addr().String()
		if host == answering {
			near, far := net.Pipe()
			far.Close()
			return near, nil
		}
		return nil, &net.OpError{Op: "dial", Err: failures[host]}
	}}
}

func TestEachAddressIsTried(t *testing.T) {
	r := dialer("10.0.0.3", map[string]error{"10.0.0.1": syscall.ECONNREFUSED, "10.0.0.2": syscall.ENETUNREACH})
	conn, err := r.DialName(t.Context(), "web", 80)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestTheNearestFailureIsTold(t *testing.T) {
	r := dialer("", map[string]error{
		"10.0.0.1": syscall.ENETUNREACH, "10.0.0.2": syscall.ECONNREFUSED, "10.0.0.3": context.DeadlineExceeded,
	})
	if _, err := r.DialName(t.Context(), "web", 80); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := r.DialName(ctx, "web", 80); err == nil {
		t.Error("connected to nobody")
	}
}

func TestOnlyAllowedAddressesAreDialledAndNoServerIsAsked(t *testing.T) {
	refused := errors.New("not there")
	only := func(allowed string) func(netip.Addr) error {
		return func(a netip.Addr) error {
			if a.IsValid() && a.String() == allowed {
				return nil
			}
			return refused
		}
	}
	var dialled []string
	r := dialer("10.0.0.2", nil)
	dial := r.Dial
	r.Dial = func(ctx context.Context, network string, a netip.AddrPort) (net.Conn, error) {
		dialled = append(dialled, network+" "+a.String())
		return dial(ctx, network, a)
	}
	conn, err := r.DialAllowed(t.Context(), "web", 80, only("10.0.0.2"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for _, host := range []string{"web", "10.0.0.2", "localhost", "elsewhere"} {
		if _, err := r.DialAllowed(t.Context(), host, 80, only("10.9.9.9")); !errors.Is(err, refused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if want := []string{"tcp 10.0.0.2:80"}; !slices.Equal(dialled, want) {
		t.Errorf("dialled %q, want %q", dialled, want)
	}
}

// Whatever a server answers, what is taken of it are valid addresses of the
// type that was asked for, and not too many.
func FuzzAnswer(f *testing.F) {
	reply := new(dns.Msg).SetQuestion("web.test.", dns.TypeA)
	reply.Response = true
	for _, text := range []string{"web.test. CNAME x.", "x. A 10.0.0.1", "x. AAAA ::1"} {
		record, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		reply.Answer = append(reply.Answer, record)
	}
	wire, err := reply.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Fuzz(func(t *testing.T, wire []byte) {
		reply := new(dns.Msg)
		if reply.Unpack(wire) != nil {
			return
		}
		answers(reply, new(dns.Msg).SetQuestion("web.test.", dns.TypeA))
		got := read(reply, "web.test.", dns.TypeA)
		if (got.err == nil) != (len(got.found) > 0) || len(got.found) > maxAddresses {
			t.Fatalf("%+v", got)
		}
		for _, a := range got.found {
			if !a.Is4() {
				t.Fatalf("address %v", a)
			}
		}
	})
}
