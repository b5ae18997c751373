// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/sha256"
	"encoding/hex"
)

// AuthorityLabel is the TLS exporter label of the [Authority] proof.
const AuthorityLabel = "EXPORTER-switchyard-authority"

// HandleLength is the number of hexadecimal digits of a [TokenHandle].
const HandleLength = 16

// TokenDigest is SHA-256(token), which is all that a controller stores of a token.
func TokenDigest(token string) [Size]byte { return sha256.Sum256([]byte(token)) }

// TokenHandle names a token without revealing it: the first 8 bytes of its digest, in hexadecimal.
func TokenHandle(digest [Size]byte) string { return hex.EncodeToString(digest[:HandleLength/2]) }

// Authority lets a client that holds a token, and nothing else, find out that the certificate
// authority it was offered is its controller's, without trust on first use and before it sends the token:
//
//	HMAC(SHA-256(token), "authority" 0x00 E 0x00 SHA-256(authority))
//
// The controller knows the token's digest, somebody in the middle does not; and E, the exporter
// ([AuthorityLabel]) of the TLS session it is shown on, keeps it from being passed on.
// authority is the DER of the X.509 authority followed by the SSH host authority's line.
func Authority(digest [Size]byte, e Exporter, authority []byte) Proof {
	d := sha256.Sum256(authority)
	return mac(digest, []byte("authority"), nul, e[:], nul, d[:])
}
