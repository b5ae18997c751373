// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
)

// ExporterLabel is the TLS exporter label between a controller and a runner (RFC 5705 section 4).
const ExporterLabel = "EXPORTER-switchyard-runner"

// Exporter is the keying material that both ends of one TLS session share and nobody else can have.
type Exporter [Size]byte

// Proof is what one end shows the other. On the wire it is 64 lower-case hexadecimal digits.
type Proof [Size]byte

// ErrMismatch says that a proof was not the expected one. It tells nothing else on purpose.
var ErrMismatch = errors.New("the proof does not match")

var nul = []byte{0}

// Export returns the exporter value of a completed TLS handshake. It refuses anything below
// TLS 1.3: before it, an exporter is unique to a session only with the extended master secret
// extension (RFC 7627).
func Export(state tls.ConnectionState, label string) (Exporter, error) {
	var e Exporter
	if state.Version != tls.VersionTLS13 {
		return e, fmt.Errorf("exporting keying material: the session speaks %s, need TLS 1.3", tls.VersionName(state.Version))
	}
	b, err := state.ExportKeyingMaterial(label, nil, Size)
	if err != nil {
		return e, fmt.Errorf("exporting keying material: %v", err)
	}
	copy(e[:], b)
	return e, nil
}

// Request is the proof that the controller shows the runner: it holds for this TLS session and
// this grant, byte for byte as it is sent.
func (k AddressKey) Request(e Exporter, grant string) Proof {
	digest := sha256.Sum256([]byte(grant))
	return mac(k.secret, []byte("request"), nul, e[:], nul, digest[:])
}

// Response is the proof that the runner shows the controller for this TLS session.
func (k AddressKey) Response(e Exporter) Proof {
	return mac(k.secret, []byte("response"), nul, e[:])
}

// String returns the proof as it stands in a header. A proof is a secret while its session lives.
func (p Proof) String() string { return hex.EncodeToString(p[:]) }

// Check compares a received header value with p in constant time. The only error is [ErrMismatch].
func (p Proof) Check(got string) error {
	var g Proof
	b, err := hex.DecodeString(got)
	if err != nil || copy(g[:], b) != Size || len(b) != Size || !hmac.Equal(g[:], p[:]) {
		return ErrMismatch
	}
	return nil
}
