// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	gossh "golang.org/x/crypto/ssh"
)

// hostKeys lists the keys to offer for a signer: the certificate and the key in it, so that a client
// that knows the host CA verifies the one and a client that pinned the key verifies the other.
// There is none for no signer, and so no handshake.
func hostKeys(s gossh.Signer) []gossh.Signer {
	if s == nil {
		return nil
	}
	cert, ok := s.PublicKey().(*gossh.Certificate)
	if !ok {
		return []gossh.Signer{withoutSHA1(s)}
	}
	return []gossh.Signer{withoutSHA1(s), withoutSHA1(plainKey(s, cert.Key))}
}

// plainKey is a certificate's signer without the certificate. A certificate does not change how its
// key signs (OpenSSH PROTOCOL.certkeys), only how the public key is written.
func plainKey(s gossh.Signer, key gossh.PublicKey) gossh.Signer {
	if a, ok := s.(gossh.AlgorithmSigner); ok {
		return algorithmSigner{a, key}
	}
	return signer{s, key}
}

type signer struct {
	gossh.Signer
	key gossh.PublicKey
}

func (s signer) PublicKey() gossh.PublicKey { return s.key }

type algorithmSigner struct {
	gossh.AlgorithmSigner
	key gossh.PublicKey
}

func (s algorithmSigner) PublicKey() gossh.PublicKey { return s.key }

// withoutSHA1 keeps an RSA key from being offered as ssh-rsa, which signs with SHA-1 (RFC 8332).
func withoutSHA1(s gossh.Signer) gossh.Signer {
	a, ok := s.(gossh.AlgorithmSigner)
	format := s.PublicKey().Type()
	if !ok || (format != gossh.KeyAlgoRSA && format != gossh.CertAlgoRSAv01) {
		return s
	}
	m, err := gossh.NewSignerWithAlgorithms(a, []string{gossh.KeyAlgoRSASHA256, gossh.KeyAlgoRSASHA512})
	if err != nil { // the signer is itself restricted to ssh-rsa
		return s
	}
	return m
}
