// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// Endpoint is where a controller listens. The zero value is none; ParseEndpoint makes one.
type Endpoint struct {
	scheme string // "https", "http", "unix"
	host   string // name or address without brackets; empty for unix
	port   string
	path   string // the socket's, for unix
}

// ParseEndpoint reads the address of a controller:
//
//	https://host[:port]   TLS; the port is 443 when it is left out
//	host[:port]           the same
//	unix:///path          a socket of this machine, without TLS
//	http://host[:port]    without TLS, so for loopback only
//
// Everything else is refused with the reason.
func ParseEndpoint(s string) (Endpoint, error) {
	if s == "" {
		return Endpoint{}, fmt.Errorf("the controller's URL is empty: give one such as https://host:8443")
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil {
		// Neither the URL nor the parser's error is quoted: a password may stand in them.
		return Endpoint{}, fmt.Errorf("the controller's URL is not one, or holds a password: write https://host:port")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return Endpoint{}, fmt.Errorf("the controller's URL %q has more than a host and a port: write https://host:port", s)
	}
	return endpointOf(u, s)
}

func endpointOf(u *url.URL, s string) (Endpoint, error) {
	switch u.Scheme {
	case "https":
		return networkEndpoint(u, s, "443")
	case "http":
		e, err := networkEndpoint(u, s, "80")
		if err == nil && !isLoopback(e.host) {
			return Endpoint{}, fmt.Errorf("the URL %q would send the token unencrypted: http:// is for this machine's loopback only, use https://", s)
		}
		return e, err
	case "unix":
		return socketEndpoint(u, s)
	case "tcp":
		return Endpoint{}, fmt.Errorf("the URL %q does not say whether to encrypt: use https://%s", s, u.Host)
	}
	return Endpoint{}, fmt.Errorf("the URL %q has the scheme %q: use https://, or unix:// for a socket of this machine", s, u.Scheme)
}

func networkEndpoint(u *url.URL, s, port string) (Endpoint, error) {
	e := Endpoint{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: u.Port()}
	if e.host == "" {
		return Endpoint{}, fmt.Errorf("the URL %q has no host: write https://host:port", s)
	}
	if u.Path != "" && u.Path != "/" {
		return Endpoint{}, fmt.Errorf("the URL %q has the path %q: a controller has a host and port of its own", s, u.Path)
	}
	if e.port == "" {
		e.port = port
	}
	return e, nil
}

func socketEndpoint(u *url.URL, s string) (Endpoint, error) {
	if u.Host != "" || len(u.Path) < 2 {
		return Endpoint{}, fmt.Errorf("the URL %q names no socket: write unix:///path/of/the/socket", s)
	}
	return Endpoint{scheme: "unix", path: u.Path}, nil
}

// isLoopback trusts the name localhost to be what RFC 6761 section 6.3 says it is.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// IsZero tells whether e names no controller.
func (e Endpoint) IsZero() bool { return e.scheme == "" }

// Encrypted tells whether connections to e speak TLS.
func (e Endpoint) Encrypted() bool { return e.scheme == "https" }

// String returns the URL in its one canonical form, which ParseEndpoint reads.
func (e Endpoint) String() string {
	switch {
	case e.IsZero():
		return ""
	case e.scheme == "unix":
		return "unix://" + e.path
	case e.port == "443" && e.Encrypted():
		return "https://" + bracketed(e.host)
	}
	return e.scheme + "://" + e.address()
}

// Host is the name that the controller's certificate must be for; empty for a socket.
func (e Endpoint) Host() string { return e.host }

// ContextName proposes a name for the context of this controller.
func (e Endpoint) ContextName() string {
	if e.scheme == "unix" {
		return strings.TrimSuffix(filepath.Base(e.path), ".sock")
	}
	return strings.ReplaceAll(e.host, ":", "-")
}

// address is what is dialled: "host:port", or the socket's path.
func (e Endpoint) address() string {
	if e.scheme == "unix" {
		return e.path
	}
	return net.JoinHostPort(e.host, e.port)
}

// base is what the URLs of API calls begin with. Over a socket the host means nothing.
func (e Endpoint) base() string {
	if e.scheme == "unix" {
		return "http://localhost"
	}
	return e.scheme + "://" + e.address()
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
