// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// hostKey is the container's SSH host key, made at start, with the certificate that the controller
// gives it. It may be used concurrently.
type hostKey struct {
	plain     ssh.Signer
	certified atomic.Pointer[ssh.Signer] // plain with the latest certificate, nil before the first
}

func newHostKey() (*hostKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the host key: %v", err)
	}
	plain, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, fmt.Errorf("making the host key: %v", err)
	}
	return &hostKey{plain: plain}, nil
}

// line is the public key in the form of authorized_keys, sshd(8).
func (k *hostKey) line() string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k.plain.PublicKey())), "\n")
}

// signer is the key with its certificate, if it has one.
func (k *hostKey) signer() ssh.Signer {
	if s := k.certified.Load(); s != nil {
		return *s
	}
	return k.plain
}

// certify takes a certificate into use, if it is a valid host certificate for this key.
func (k *hostKey) certify(line string) error {
	cert, err := k.parse(line)
	if err != nil {
		return fmt.Errorf("the controller's host certificate: %w", err)
	}
	s, err := ssh.NewCertSigner(cert, k.plain)
	if err != nil {
		return fmt.Errorf("the controller's host certificate: %w", err)
	}
	k.certified.Store(&s)
	return nil
}

func (k *hostKey) parse(line string) (*ssh.Certificate, error) {
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, err
	}
	cert, ok := key.(*ssh.Certificate)
	switch {
	case !ok || len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("it is not one certificate")
	case cert.CertType != ssh.HostCert:
		return nil, errors.New("it is a user's, not a host's")
	case !bytes.Equal(cert.Key.Marshal(), k.plain.PublicKey().Marshal()):
		return nil, errors.New("it is for another key")
	case len(cert.ValidPrincipals) == 0:
		return nil, errors.New("it names no principals, so it would be for every host")
	}
	// Whose signature it must be is known to the users alone, who have the authority's key.
	return cert, (&ssh.CertChecker{}).CheckCert(cert.ValidPrincipals[0], cert)
}
