// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// HostLifetime is how long a host certificate holds.
	HostLifetime = 24 * time.Hour
	// hostSkew is how far the clock of an SSH client may be behind ours.
	hostSkew = 5 * time.Minute
)

// MaxHostKey is the longest line of a host key that is read, in bytes. RSA with 16384 bits fits.
const MaxHostKey = 4 << 10

// Host is the SSH authority that signs the host keys of runners
// (OpenSSH's PROTOCOL.certkeys; sshd_config(5), HostCertificate).
type Host struct{ signer ssh.Signer }

// NewHost makes an authority with a new ed25519 key and returns it with the text of its private key.
func NewHost() (h *Host, text []byte, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making the SSH host authority's key: %v", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "switchyard host authority")
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the SSH host authority: %v", err)
	}
	text = pem.EncodeToMemory(block)
	h, err = ParseHost(text)
	return h, text, err
}

// ParseHost reads the text that NewHost returned. The error never holds the input.
func ParseHost(text []byte) (*Host, error) {
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, errors.New("it is not an SSH private key without a passphrase")
	}
	return &Host{signer}, nil
}

// Line returns the public key in authorized_keys form, without comment and without a newline, as it
// stands after "@cert-authority" in a known_hosts file (sshd(8)).
func (h *Host) Line() string { return line(h.signer.PublicKey()) }

func line(key ssh.PublicKey) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(key)), "\n")
}

// ParseHostKey reads a host key in authorized_keys form and returns it with its line in the one form
// that records hold. A certificate, an option and a second line are refused.
func ParseHostKey(text string) (ssh.PublicKey, string, error) {
	if len(text) > MaxHostKey {
		return nil, "", fmt.Errorf("the host key has %d bytes: %d is the most", len(text), MaxHostKey)
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, "", errors.New("the host key is not one SSH public key in authorized_keys form")
	}
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA:
		return key, line(key), nil
	}
	return nil, "", fmt.Errorf("the host key is of type %q: make an %q one", key.Type(), ssh.KeyAlgoED25519)
}

// Signed is a host certificate.
type Signed struct {
	Line    string    // authorized_keys form, without a newline
	Serial  uint64    // random
	RenewAt time.Time // when two thirds of its life are over
}

// Sign certifies a host key for these principals. id names the certificate in the logs of OpenSSH.
func (h *Host) Sign(key ssh.PublicKey, id string, principals []string, now time.Time) (Signed, error) {
	if len(principals) == 0 {
		// A certificate without principals holds for every host.
		return Signed{}, errors.New("a host certificate needs a principal")
	}
	cert := &ssh.Certificate{
		Key:             key,
		Serial:          randomSerial(),
		CertType:        ssh.HostCert,
		KeyId:           id,
		ValidPrincipals: principals,
		ValidAfter:      uint64(now.Add(-hostSkew).Unix()),
		ValidBefore:     uint64(now.Add(HostLifetime).Unix()),
	}
	if err := cert.SignCert(rand.Reader, h.signer); err != nil {
		return Signed{}, fmt.Errorf("signing a host certificate: %v", err)
	}
	return Signed{Line: line(cert), Serial: cert.Serial, RenewAt: now.Add(HostLifetime * 2 / 3).UTC().Truncate(time.Second)}, nil
}

func randomSerial() uint64 {
	var b [8]byte
	rand.Read(b[:]) // crypto/rand.Read never returns an error
	return binary.BigEndian.Uint64(b[:])
}
