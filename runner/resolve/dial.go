// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

const (
	// dialWait bounds a dial whose context has no deadline.
	dialWait = 30 * time.Second
	// addressWait is the least that one address of several is given.
	addressWait = 2 * time.Second
)

// DialName connects over TCP to the first address of a host that answers; each
// gets its share of the time that ctx leaves, or of half a minute. The error is
// that of the address that came nearest: one that refused says more than one
// that no route leads to.
func (r *Resolver) DialName(ctx context.Context, host string, port uint16) (net.Conn, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialWait)
		defer cancel()
	}
	addresses, err := r.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	return r.dialAny(ctx, addresses, port)
}

// DialAllowed is DialName to those addresses of a host for which may gives no error. No name server is asked: what
// hosts(5) does not know may is asked about as the zero address. When it allows none, the error is may's.
func (r *Resolver) DialAllowed(ctx context.Context, host string, port uint16, may func(netip.Addr) error) (net.Conn, error) {
	addresses, _, err := r.lookupLocal(ctx, host)
	if err != nil {
		return nil, err
	}
	refused := may(netip.Addr{})
	allowed := slices.DeleteFunc(addresses, func(a netip.Addr) bool {
		err := may(a)
		if err != nil {
			refused = err
		}
		return err != nil
	})
	if len(allowed) == 0 {
		return nil, refused
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialWait)
		defer cancel()
	}
	return r.dialAny(ctx, allowed, port)
}

// dialAny dials one address after another.
func (r *Resolver) dialAny(ctx context.Context, addresses []netip.Addr, port uint16) (net.Conn, error) {
	var nearest error
	for i, address := range addresses {
		conn, err := r.dialOne(ctx, netip.AddrPortFrom(address, port), len(addresses)-i)
		if err == nil {
			return conn, nil
		}
		if nearest == nil || nearness(err) > nearness(nearest) {
			nearest = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, nearest
}

// dialOne dials one of so many addresses that are left.
func (r *Resolver) dialOne(ctx context.Context, address netip.AddrPort, left int) (net.Conn, error) {
	deadline, _ := ctx.Deadline()
	share := max(time.Until(deadline)/time.Duration(left), addressWait)
	ctx, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	return r.Dial(ctx, "tcp", address)
}

// nearness says how near to the service a dial came.
func nearness(err error) int {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return 3
	case errors.Is(err, context.DeadlineExceeded):
		return 2
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return 0
	}
	return 1
}
