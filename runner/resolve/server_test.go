// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"switchyard/test/ports"
)

// server is a name server on this process's loopback, reached as any address.
type server struct {
	udp net.PacketConn
	tcp net.Listener

	mu    sync.Mutex // guards asked
	asked []string   // "network name type"
}

// serve starts a server that answers with what handle makes of a question; nil
// is no answer.
func serve(t *testing.T, handle func(network string, q *dns.Msg) *dns.Msg) *server {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", ports.Free(t)) // by both protocols, of which the system would choose for one
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{udp: udp, tcp: tcp}
	s.run(t, handle, "udp", &dns.Server{PacketConn: udp})
	s.run(t, handle, "tcp", &dns.Server{Listener: tcp})
	return s
}

func (s *server) run(t *testing.T, handle func(string, *dns.Msg) *dns.Msg, network string, d *dns.Server) {
	started := make(chan struct{})
	d.NotifyStartedFunc = func() { close(started) }
	d.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		s.mu.Lock()
		s.asked = append(s.asked, fmt.Sprint(network, " ", q.Question[0].Name, " ", dns.TypeToString[q.Question[0].Qtype]))
		s.mu.Unlock()
		if reply := handle(network, q); reply != nil {
			_ = w.WriteMsg(reply)
		}
	})
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.ActivateAndServe() })
	<-started
	t.Cleanup(func() {
		_ = d.Shutdown()
		wg.Wait()
	})
}

func (s *server) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// files are a container's; what is not there does not exist.
type files map[string]string

func (f files) read(_ context.Context, path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// resolver resolves by files, with a name server at each of the addresses.
func resolver(f files, servers map[string]*server) *Resolver {
	return &Resolver{ReadFile: f.read, Dial: func(ctx context.Context, network string, address netip.AddrPort) (net.Conn, error) {
		s := servers[address.Addr().String()]
		if s == nil || address.Port() != 53 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		var d net.Dialer
		return d.DialContext(ctx, network, s.tcp.Addr().String())
	}}
}

// zone answers from a table of records by "name type".
func zone(records map[string][]string) func(string, *dns.Msg) *dns.Msg {
	return func(_ string, q *dns.Msg) *dns.Msg {
		reply := new(dns.Msg).SetReply(q)
		name := q.Question[0].Name
		for _, text := range records[name+" "+dns.TypeToString[q.Question[0].Qtype]] {
			record, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			reply.Answer = append(reply.Answer, record)
		}
		if len(records[name+" A"])+len(records[name+" AAAA"]) == 0 {
			reply.Rcode = dns.RcodeNameError
		}
		return reply
	}
}
