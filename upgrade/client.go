// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// MaxHead is the largest response head that Do reads, in bytes.
	MaxHead = 32 << 10
	// MaxErrorBody is how much of a refusal's body Do keeps, in bytes.
	MaxErrorBody = 64 << 10
	// maxInformational is how many interim responses (RFC 9110 section 15.2) may precede the answer.
	maxInformational = 5
)

// ResponseError is an answer other than the 101 that was asked for. The connection is closed.
type ResponseError struct {
	Status int
	Header http.Header
	Body   []byte // the first MaxErrorBody bytes
	Reason string // what was wrong with it, when the status alone does not say
}

func (e *ResponseError) Error() string {
	if e.Reason != "" {
		return e.Reason
	}
	return fmt.Sprintf("the answer is %d %s, need 101", e.Status, http.StatusText(e.Status))
}

// Do sends r on c, asking for an upgrade to protocol, and reads the whole answer. It returns the
// upgraded connection and the answer's header. ctx bounds the handshake alone. On any error c is
// closed; an answer that is not the 101 asked for is a *ResponseError. r needs a URL and a Host, and
// has no body.
func Do(ctx context.Context, c net.Conn, r *http.Request, protocol string) (*Conn, http.Header, error) {
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	conn, header, err := handshake(c, r, protocol)
	if !stop() {
		c.Close()
		return nil, nil, fmt.Errorf("upgrading to %q: %w", protocol, context.Cause(ctx))
	}
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return conn, header, nil
}

func handshake(c net.Conn, r *http.Request, protocol string) (*Conn, http.Header, error) {
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", protocol)
	if err := writeRequest(c, r); err != nil {
		return nil, nil, err
	}
	// The limit holds for the head alone; what the reader has taken in beyond it is handed on.
	limited := &io.LimitedReader{R: c, N: MaxHead}
	br := bufio.NewReader(limited)
	resp, err := readResponse(br, r)
	if err != nil {
		if limited.N <= 0 {
			return nil, nil, &ResponseError{Reason: fmt.Sprintf("the answer's head is longer than %d bytes", MaxHead)}
		}
		return nil, nil, err
	}
	if err := checkResponse(resp, protocol); err != nil {
		err.Body = readErrorBody(c, resp)
		return nil, nil, err
	}
	early, err := readBuffered(br)
	if err != nil {
		return nil, nil, err
	}
	return NewConn(c, early), resp.Header, nil
}

// writeRequest sends the head in one write, so that it is one TLS record and one segment.
func writeRequest(c net.Conn, r *http.Request) error {
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return fmt.Errorf("writing the upgrade request: %w", err)
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		return fmt.Errorf("sending the upgrade request: %w", err)
	}
	return nil
}

func readResponse(br *bufio.Reader, r *http.Request) (*http.Response, error) {
	for range maxInformational + 1 {
		resp, err := http.ReadResponse(br, r)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
			return nil, fmt.Errorf("the connection ended before the answer did: %w", io.ErrUnexpectedEOF)
		case err != nil:
			return nil, fmt.Errorf("reading the answer: %w", err)
		case resp.StatusCode == http.StatusSwitchingProtocols || resp.StatusCode >= 200:
			return resp, nil
		}
	}
	return nil, &ResponseError{Reason: fmt.Sprintf("more than %d interim answers", maxInformational)}
}

func checkResponse(resp *http.Response, protocol string) *ResponseError {
	e := &ResponseError{Status: resp.StatusCode, Header: resp.Header}
	switch got := resp.Header.Values("Upgrade"); {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return e
	case !hasToken(resp.Header, "Connection", "upgrade"):
		e.Reason = "the answer is 101 without \"Connection: Upgrade\""
	case len(got) != 1 || !strings.EqualFold(got[0], protocol):
		e.Reason = fmt.Sprintf("the answer switches to %.60q, need %q", got, protocol)
	default:
		return nil
	}
	return e
}

// readErrorBody reads what explains a refusal. A peer that promises a body and stalls must not hold
// the caller, who has its answer already: the wait is short.
func readErrorBody(c net.Conn, resp *http.Response) []byte {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	const patience = 2 * time.Second
	timer := time.AfterFunc(patience, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer timer.Stop()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, MaxErrorBody))
	return b
}
