// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// payload is the largest answer that a query over UDP asks for: what fits an
// IPv6 link without fragments (DNS flag day 2020), in bytes.
const payload = 1232

// errNoAnswer is a question that was answered with nothing.
var errNoAnswer = errors.New("no such host")

// search asks for the candidates of a name until one has addresses. A server's
// failure is told only if no candidate has any.
func (r *Resolver) search(ctx context.Context, conf Conf, host string) ([]netip.Addr, error) {
	var failure error
	for _, name := range conf.candidates(host) {
		found, err := r.both(ctx, conf, name)
		if len(found) > 0 {
			return found, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if failure == nil && !errors.Is(err, errNoAnswer) {
			failure = err
		}
	}
	if failure != nil {
		return nil, &net.DNSError{Err: failure.Error(), Name: host, IsTemporary: true}
	}
	return nil, &net.DNSError{Err: errNoAnswer.Error(), Name: host, IsNotFound: true}
}

// answer is the outcome of one question.
type answer struct {
	found []netip.Addr
	err   error
}

// both asks for the IPv6 and IPv4 addresses of a name at once; IPv6 come first
// (RFC 6724 section 2.1), since one that cannot be reached fails at once.
func (r *Resolver) both(ctx context.Context, conf Conf, name string) ([]netip.Addr, error) {
	six := make(chan answer, 1)
	go func() { six <- r.ask(ctx, conf, name, dns.TypeAAAA) }()
	four := r.ask(ctx, conf, name, dns.TypeA)
	all := <-six
	all.found = append(all.found, four.found...)
	if errors.Is(all.err, errNoAnswer) {
		all.err = four.err // the other may have failed
	}
	return unique(all.found[:min(len(all.found), maxAddresses)]), all.err
}

// ask asks the servers in turn, round by round, until one knows.
func (r *Resolver) ask(ctx context.Context, conf Conf, name string, kind uint16) answer {
	question := new(dns.Msg).SetQuestion(name, kind)
	question.SetEdns0(payload, false)
	var failure error
	for range conf.Attempts {
		for _, server := range conf.Servers {
			reply, err := r.exchange(ctx, conf, server, question)
			if err == nil {
				return read(reply, name, kind)
			}
			if ctx.Err() != nil {
				return answer{err: ctx.Err()}
			}
			failure = err
		}
	}
	return answer{err: failure}
}

// exchange asks one server: over UDP, and again over TCP if the answer did not
// fit, and without EDNS if the server does not know it (RFC 6891 section 6.2.2).
func (r *Resolver) exchange(ctx context.Context, conf Conf, server netip.AddrPort, question *dns.Msg) (*dns.Msg, error) {
	network := "udp"
	if conf.TCP {
		network = "tcp"
	}
	reply, err := r.once(ctx, network, conf.Timeout, server, question)
	if err == nil && reply.Rcode == dns.RcodeFormatError {
		plain := question.Copy()
		plain.Extra = nil
		reply, err = r.once(ctx, network, conf.Timeout, server, plain)
	}
	if err == nil && reply.Truncated && network == "udp" {
		reply, err = r.once(ctx, "tcp", conf.Timeout, server, question)
	}
	if err != nil {
		return nil, fmt.Errorf("name server %s does not answer: %w", server, err)
	}
	switch reply.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		return reply, nil
	}
	return nil, fmt.Errorf("name server %s answers %s", server, dns.RcodeToString[reply.Rcode])
}

// once sends a question and waits for its answer.
func (r *Resolver) once(ctx context.Context, network string, timeout time.Duration, server netip.AddrPort, question *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := r.Dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	wire := &dns.Conn{Conn: conn, UDPSize: payload}
	question = question.Copy()
	question.Id = dns.Id()
	if err := wire.WriteMsg(question); err != nil {
		return nil, err
	}
	for {
		reply, err := wire.ReadMsg()
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil && (reply == nil || network == "tcp") {
			return nil, err
		}
		// Whoever else sends packets here must not end the wait.
		if err == nil && answers(reply, question) {
			return reply, nil
		}
		if network == "tcp" {
			return nil, errors.New("it answered another question")
		}
	}
}

// answers says whether a message is the answer to the question.
func answers(reply, question *dns.Msg) bool {
	if !reply.Response || reply.Id != question.Id {
		return false
	}
	if reply.Rcode == dns.RcodeFormatError && len(reply.Question) == 0 {
		return true // it may not even have understood what was asked
	}
	if len(reply.Question) != 1 {
		return false
	}
	asked, got := question.Question[0], reply.Question[0]
	return strings.EqualFold(asked.Name, got.Name) && asked.Qtype == got.Qtype && asked.Qclass == got.Qclass
}

// read takes the addresses of a name out of an answer, along its CNAMEs.
func read(reply *dns.Msg, name string, kind uint16) answer {
	owners := map[string]bool{strings.ToLower(name): true}
	for range reply.Answer { // a chain in any order has at most so many links
		if !followed(reply.Answer, owners) {
			break
		}
	}
	var found []netip.Addr
	for _, record := range reply.Answer {
		if address, ok := addressOf(record, kind); ok && owners[strings.ToLower(record.Header().Name)] && len(found) < maxAddresses {
			found = append(found, address)
		}
	}
	if len(found) == 0 {
		return answer{err: errNoAnswer}
	}
	return answer{found: found}
}

// followed adds the aliases of known owners and says whether there were any new.
func followed(records []dns.RR, owners map[string]bool) bool {
	before := len(owners)
	for _, record := range records {
		if alias, ok := record.(*dns.CNAME); ok && owners[strings.ToLower(alias.Hdr.Name)] {
			owners[strings.ToLower(alias.Target)] = true
		}
	}
	return len(owners) > before
}

func addressOf(record dns.RR, kind uint16) (netip.Addr, bool) {
	var ip net.IP
	switch r := record.(type) {
	case *dns.A:
		ip = r.A.To4()
	case *dns.AAAA:
		ip = r.AAAA
	}
	if record.Header().Rrtype != kind {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(ip)
}
