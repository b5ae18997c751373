// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Size is the length in bytes of every key and every proof: that of a SHA-256 digest.
const Size = sha256.Size

// SystemToken is the installation's root secret. It is held by controllers only.
type SystemToken struct{ secret [Size]byte }

// ContainerKey is HMAC-SHA256(system token, container id). It is given to that container's runner
// and to nobody else. The zero value is no key, and equal to none: not even to one whose bytes are all zero.
type ContainerKey struct {
	secret [Size]byte
	given  bool
}

// AddressKey is HMAC-SHA256(container key, runner address).
type AddressKey struct{ secret [Size]byte }

var errKeyForm = errors.New("a key is 64 hexadecimal digits")

// NewSystemToken makes a system token from the operating system's random source.
func NewSystemToken() SystemToken {
	var t SystemToken
	rand.Read(t.secret[:]) // crypto/rand.Read never returns an error
	return t
}

// ParseSystemToken reads what [SystemToken.Reveal] wrote. The error never holds the input.
func ParseSystemToken(s string) (SystemToken, error) {
	var t SystemToken
	return t, parseSecret(&t.secret, s)
}

// ParseContainerKey reads what [ContainerKey.Reveal] wrote. The error never holds the input.
func ParseContainerKey(s string) (ContainerKey, error) {
	var k ContainerKey
	if err := parseSecret(&k.secret, s); err != nil {
		return ContainerKey{}, err
	}
	k.given = true
	return k, nil
}

func parseSecret(dst *[Size]byte, s string) error {
	// The input is a secret, so the error must not quote it.
	if len(s) != 2*Size {
		return errKeyForm
	}
	if _, err := hex.Decode(dst[:], []byte(s)); err != nil {
		return errKeyForm
	}
	return nil
}

// ContainerKey derives the key of the container with this id.
func (t SystemToken) ContainerKey(containerID string) ContainerKey {
	return ContainerKey{mac(t.secret, []byte(containerID)), true}
}

// AddressKey derives the key for the runner at this address, exactly as the container record holds it.
func (k ContainerKey) AddressKey(address string) AddressKey {
	return AddressKey{mac(k.secret, []byte(address))}
}

// Reveal returns the secret as 64 lower-case hexadecimal digits, for the file it is kept in.
func (t SystemToken) Reveal() string { return hex.EncodeToString(t.secret[:]) }

// Reveal returns the key as 64 lower-case hexadecimal digits, for the one that may hold it.
func (k ContainerKey) Reveal() string { return hex.EncodeToString(k.secret[:]) }

// Format keeps the secret out of logs and errors, whatever the verb.
func (t SystemToken) Format(f fmt.State, _ rune) { io.WriteString(f, "[system token]") }

// Format keeps the secret out of logs and errors, whatever the verb.
func (k ContainerKey) Format(f fmt.State, _ rune) { io.WriteString(f, "[container key]") }

// Format keeps the secret out of logs and errors, whatever the verb.
func (k AddressKey) Format(f fmt.State, _ rune) { io.WriteString(f, "[address key]") }

func mac(key [Size]byte, parts ...[]byte) (sum [Size]byte) {
	h := hmac.New(sha256.New, key[:])
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}
