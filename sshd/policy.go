// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// ForwardPolicy is what forwards may do where the grant allows them at all, by the words of sshd_config(5).
// The zero value is OpenSSH's default, but for Unlink.
type ForwardPolicy struct {
	PermitOpen   PermitOpen
	GatewayPorts GatewayPorts
	Unlink       Unlink
}

// PermitOpen says where direct-tcpip and direct-streamlocal@openssh.com may lead.
type PermitOpen string

// The values of PermitOpen; empty is PermitAny.
const (
	PermitAny PermitOpen = "any" // to whatever the target itself can reach
	// PermitLoopback is to the target's loopback addresses, 127.0.0.0/8 and ::1, and to its sockets.
	PermitLoopback PermitOpen = "loopback"
	PermitNone     PermitOpen = "none" // nowhere
)

// GatewayPorts says on which addresses tcpip-forward may listen.
type GatewayPorts string

// The values of GatewayPorts; empty is GatewayNo.
const (
	GatewayNo              GatewayPorts = "no"              // on the loopback, whatever is asked for
	GatewayYes             GatewayPorts = "yes"             // on all addresses, whatever is asked for
	GatewayClientSpecified GatewayPorts = "clientspecified" // on those that are asked for
)

// Unlink says what becomes of a socket that is where streamlocal-forward@openssh.com is to listen.
type Unlink string

// The values of Unlink; empty is UnlinkStale.
const (
	UnlinkStale Unlink = "stale" // it goes when nobody listens on it any more
	UnlinkYes   Unlink = "yes"   // it goes: StreamLocalBindUnlink yes
	UnlinkNo    Unlink = "no"    // it stays, and the request fails: StreamLocalBindUnlink no
)

// Check refuses values that there are not.
func (p ForwardPolicy) Check() error {
	switch p.PermitOpen {
	case "", PermitAny, PermitLoopback, PermitNone:
	default:
		return fmt.Errorf("forwards may be opened to (permit-open) any, loopback or none, and not to %q", string(p.PermitOpen))
	}
	switch p.GatewayPorts {
	case "", GatewayNo, GatewayYes, GatewayClientSpecified:
	default:
		return fmt.Errorf("remote forwards listen (gateway-ports) by no, yes or clientspecified, and not by %q", string(p.GatewayPorts))
	}
	switch p.Unlink {
	case "", UnlinkStale, UnlinkYes, UnlinkNo:
	default:
		return fmt.Errorf("sockets in the way are removed (streamlocal-unlink) by stale, yes or no, and not by %q", string(p.Unlink))
	}
	return nil
}

// bindHost is the host to listen on, in the words of PortListener, for one that a client asked for.
// It follows what OpenSSH's server does, which is RFC 4254 section 7.1 with "*" as another word for
// all addresses, and with loopback addresses taken for themselves by GatewayNo.
func (g GatewayPorts) bindHost(asked string) string {
	switch {
	case g == GatewayYes:
		return ""
	case g == GatewayClientSpecified && asked == "*":
		return ""
	case g == GatewayClientSpecified, asked == "127.0.0.1", asked == "::1":
		return asked
	}
	return "localhost"
}

// FilteredDialer is a Target that can dial less than all that it reaches. Forwards of a server that restricts
// them to some addresses fail on a Target that is none.
type FilteredDialer interface {
	// DialFiltered is Target.Dial that connects to no address for which may gives an error. may gets every
	// address to which the host resolves, before anything is sent there; a host that only a name server could
	// know is asked about as the zero address, and no name server is asked, since that is sending something, too.
	// When none is allowed, may's error is in the result's chain.
	DialFiltered(ctx context.Context, host string, port uint16, may func(netip.Addr) error) (net.Conn, error)
}

// errProhibited is a place that the policy does not allow.
var errProhibited = errors.New("only loopback addresses may be reached by a forward")

// mayLoopback allows loopback addresses. The unspecified addresses lead there, too, on Linux; they are not
// allowed, as that is no promise (RFC 1122 section 3.2.1.3) and whoever asks can say what is meant.
func mayLoopback(a netip.Addr) error {
	if a.Unmap().IsLoopback() {
		return nil
	}
	return errProhibited
}

// dial dials what the policy allows.
func (c *connection) dial(to directTCPIPMsg) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.DialTimeout)
	defer cancel()
	if c.cfg.Forwards.PermitOpen != PermitLoopback {
		return c.cfg.Target.Dial(ctx, to.Host, uint16(to.Port))
	}
	d, ok := c.cfg.Target.(FilteredDialer)
	if !ok {
		return nil, errProhibited
	}
	return d.DialFiltered(ctx, to.Host, uint16(to.Port), mayLoopback)
}
