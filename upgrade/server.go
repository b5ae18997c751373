// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Refusal is why a request is not an upgrade that this server performs.
type Refusal struct {
	Status int    // 400 for a malformed request, 426 for the wrong or no protocol
	Reason string // for the peer; quotes what it sent
}

func (r *Refusal) Error() string { return r.Reason }

// Check tells whether r asks, properly and only, for an upgrade to protocol. The error is a *Refusal.
// An answer of status 426 must carry an Upgrade header (RFC 9110 section 15.5.22).
func Check(r *http.Request, protocol string) error {
	upgrades := r.Header.Values("Upgrade")
	switch {
	case r.ProtoMajor != 1 || r.ProtoMinor != 1:
		return refuse(http.StatusUpgradeRequired, "an upgrade to %q needs HTTP/1.1, this is %.20q", protocol, r.Proto)
	case len(upgrades) > 1:
		return refuse(http.StatusBadRequest, "the request has %d Upgrade headers, need one: %q", len(upgrades), protocol)
	case len(upgrades) == 0 || !hasToken(r.Header, "Connection", "upgrade"):
		return refuse(http.StatusUpgradeRequired, "this is for an upgrade to %q: send \"Connection: Upgrade\" and \"Upgrade: %s\"", protocol, protocol)
	case !strings.EqualFold(strings.TrimSpace(upgrades[0]), protocol):
		return refuse(http.StatusUpgradeRequired, "the protocol %.40q is not spoken here, %q is", upgrades[0], protocol)
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		// A body would have to be read before the protocol begins, by whom is not defined.
		return refuse(http.StatusBadRequest, "an upgrade request has no body: send the first bytes of %q after the 101", protocol)
	}
	return nil
}

// Accept takes the connection from the server, answers 101 with the given extra headers and returns
// the connection, without any deadline, independent of r's context. The caller closes it. Call it
// only after Check. When it fails, it has answered w or closed the connection.
func Accept(w http.ResponseWriter, protocol string, header http.Header) (*Conn, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "this connection cannot be upgraded", http.StatusInternalServerError)
		return nil, fmt.Errorf("taking over the connection: %w", err)
	}
	early, err := readBuffered(buffered.Reader)
	if err == nil {
		err = writeSwitching(conn, protocol, header)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return NewConn(conn, early), nil
}

func readBuffered(r *bufio.Reader) ([]byte, error) {
	b := make([]byte, r.Buffered())
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("reading what came with the request: %w", err)
	}
	return b, nil
}

func writeSwitching(c net.Conn, protocol string, header http.Header) error {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n", protocol)
	header.Write(&b) // a strings.Builder does not fail
	b.WriteString("\r\n")
	if _, err := io.WriteString(c, b.String()); err != nil {
		return fmt.Errorf("answering 101: %w", err)
	}
	return nil
}

func refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Reason: fmt.Sprintf(format, args...)}
}

// hasToken looks for a token in a comma-separated list header, whatever its case (RFC 9110 section 5.6.1).
func hasToken(h http.Header, name, token string) bool {
	for _, v := range h.Values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
