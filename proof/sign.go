// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Scheme is the authentication scheme (RFC 9110 section 11.1) of a runner's calls to the controller:
//
//	Authorization: Switchyard-Container <container id> <unix seconds> <mac>
//	mac = HMAC(container key, "api" 0x00 method 0x00 path and query 0x00 unix seconds 0x00 SHA-256(body))
const Scheme = "Switchyard-Container"

// MaxSkew is how far the clocks of a runner and a controller may differ.
const MaxSkew = 5 * time.Minute

// ErrClock says that a signature was right but made too long ago, or too far in the future.
var ErrClock = errors.New("the request's time is more than 5 minutes off: check the clocks")

// Signature is a parsed Authorization header of the [Scheme].
type Signature struct {
	ContainerID string
	Time        int64 // seconds since 1970
	mac         Proof
}

// Sign returns the Authorization header value for one API call. requestURI is the path with the query.
func (k ContainerKey) Sign(containerID, method, requestURI string, now time.Time, body []byte) string {
	s := Signature{ContainerID: containerID, Time: now.Unix()}
	return fmt.Sprintf("%s %s %d %s", Scheme, containerID, s.Time, s.expected(k, method, requestURI, body))
}

// ParseSignature reads an Authorization header value. It does not check the signature: the id in it
// tells whose key to check it with.
func ParseSignature(header string) (Signature, error) {
	f := strings.Split(header, " ")
	if len(f) != 4 || f[0] != Scheme {
		return Signature{}, fmt.Errorf("the Authorization header is not %q", Scheme+" <container id> <seconds> <mac>")
	}
	t, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		return Signature{}, fmt.Errorf("the Authorization header's time %q is not a number of seconds", f[2])
	}
	s := Signature{ContainerID: f[1], Time: t}
	b, err := hex.DecodeString(f[3])
	if err != nil || len(b) != Size {
		return Signature{}, errors.New("the Authorization header's mac is not 64 hexadecimal digits")
	}
	copy(s.mac[:], b)
	return s, nil
}

// Verify checks the signature in constant time, then the clock. The errors are [ErrMismatch] and [ErrClock].
func (s Signature) Verify(k ContainerKey, method, requestURI string, now time.Time, body []byte) error {
	want := s.expected(k, method, requestURI, body)
	if !hmac.Equal(want[:], s.mac[:]) {
		return ErrMismatch
	}
	if d := now.Sub(time.Unix(s.Time, 0)); d > MaxSkew || d < -MaxSkew {
		return ErrClock
	}
	return nil
}

func (s Signature) expected(k ContainerKey, method, requestURI string, body []byte) Proof {
	digest := sha256.Sum256(body)
	return mac(k.secret, []byte("api"), nul, []byte(method), nul, []byte(requestURI), nul,
		[]byte(strconv.FormatInt(s.Time, 10)), nul, digest[:])
}
