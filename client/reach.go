// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// ReachError says that the controller was not reached, or is not the one that was meant. Its text is
// the sentence for the person; Err is the cause.
type ReachError struct {
	Endpoint Endpoint
	Reason   string
	Err      error
}

func (e *ReachError) Error() string { return e.Reason }

// Unwrap returns the cause, so that callers can tell an unknown authority from a refused connection.
func (e *ReachError) Unwrap() error { return e.Err }

func (c *Controller) reachError(err error) error {
	var known *ReachError
	if errors.As(err, &known) {
		return known
	}
	e := c.cfg.Endpoint
	return &ReachError{Endpoint: e, Reason: e.reason(err), Err: err}
}

// reason says what kept us from the controller, and what to do about it.
func (e Endpoint) reason(err error) string {
	var proxy *proxyError
	switch {
	case errors.As(err, &proxy):
		return proxy.reason
	case errors.Is(err, context.Canceled):
		return fmt.Sprintf("stopped while reaching the controller at %s", e)
	}
	if s := e.certificateReason(err); s != "" {
		return s
	}
	return fmt.Sprintf("cannot reach the controller at %s: %s", e, networkReason(err, e.address()))
}

// certificateReason covers what verification can find (RFC 5280 section 6, RFC 9525). None of these
// ends in a way to skip it.
func (e Endpoint) certificateReason(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("the certificate of %s is from an authority that is not trusted here: run \"switchyard login %s\" to pin the controller's own, or name its file, tls-ca.crt of the controller's data directory, with --ca", e, e)
	case errors.As(err, &hostname):
		return fmt.Sprintf("the certificate of %s is not for the name %q but for %s: use such a name in the URL, or have the controller's certificate name this one", e, e.host, certificateNames(hostname.Certificate))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return expiredReason(e, invalid.Cert)
	case errors.As(err, &verify):
		return fmt.Sprintf("the certificate of %s does not hold: %v", e, verify.Err)
	}
	return ""
}

func expiredReason(e Endpoint, cert *x509.Certificate) string {
	const form = "2006-01-02 15:04 MST"
	if time.Now().Before(cert.NotBefore) {
		return fmt.Sprintf("the certificate of %s holds only from %s: check this machine's clock", e, cert.NotBefore.UTC().Format(form))
	}
	return fmt.Sprintf("the certificate of %s expired at %s: renew it on the controller, or check this machine's clock", e, cert.NotAfter.UTC().Format(form))
}

func certificateNames(cert *x509.Certificate) string {
	const most = 5
	var names []string
	for _, n := range cert.DNSNames {
		names = append(names, fmt.Sprintf("%q", n))
	}
	for _, a := range cert.IPAddresses {
		names = append(names, a.String())
	}
	switch {
	case len(names) == 0:
		return "no name at all"
	case len(names) > most:
		names = append(names[:most], "others")
	}
	return strings.Join(names, ", ")
}

// networkReason says what the network answered. Go's own texts name addresses and system calls,
// which tell a person little about what to do next.
func networkReason(err error, address string) string {
	var (
		dns    *net.DNSError
		record tls.RecordHeaderError
		op     *net.OpError
	)
	switch {
	case errors.As(err, &dns):
		return dnsReason(dns)
	case errors.As(err, &record):
		return fmt.Sprintf("what listens at %s does not speak TLS: check the port", address)
	case errors.As(err, &op) && op.Op == "remote error": // an alert (RFC 8446 section 6.2), whose type is not exported
		return fmt.Sprintf("it refuses the TLS handshake (%s)", strings.TrimPrefix(op.Err.Error(), "tls: "))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s: check the address, and that it runs", address)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("there is no socket %s: check the path, and that it runs", address)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("this user may not open %s: ask for the permission, or use the controller's https:// address", address)
	}
	return timingReason(err, address)
}

func timingReason(err error, address string) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT):
		return fmt.Sprintf("no answer from %s in time: check the address and what filters the way there", address)
	case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Sprintf("no way leads to %s: check the network", address)
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("%s ended the connection: check that a controller listens there", address)
	}
	return innermost(err).Error()
}

func dnsReason(e *net.DNSError) string {
	switch {
	case e.IsNotFound:
		return fmt.Sprintf("there is no host %q: check the name", e.Name)
	case e.IsTimeout:
		return fmt.Sprintf("no name server answered for the host %q: check the network", e.Name)
	}
	return fmt.Sprintf("the host %q cannot be looked up: %s", e.Name, e.Err)
}

// innermost drops the layers that name our own steps.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
