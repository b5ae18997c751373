// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clienttest

import "time"

// Options are what a controller is like. The zero value is one that is in order.
type Options struct {
	Plain  bool   // without TLS
	Socket string // listen on this unix socket, which implies Plain

	Names    []string      // of the certificate; empty: 127.0.0.1, ::1, localhost, controller.test
	Lifetime time.Duration // of the certificate; negative: it has expired; 0: an hour
	MaxTLS   uint16        // the highest version of TLS; 0: 1.3

	NoAuthority    bool // the certificate was made elsewhere: there is no authority to pin
	WrongProof     bool // the proof is of another token
	NoProof        bool // no proof is given, as for a token that is not known
	OtherAuthority bool // the authority is proved well, but did not sign the certificate
	NoProbe        bool // GET of a container's SSH path is not known
	Redirect       string
}

// Tokens that the controller knows, and what it says of them.
const (
	Token   = "swy_test_000000000000000000000000000000000000"
	Expired = "swy_test_expired00000000000000000000000000000"
	Revoked = "swy_test_revoked00000000000000000000000000000"
	Wrong   = "swy_test_wrong0000000000000000000000000000000"
)

// ContainerKey is the key of every container.
const ContainerKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
