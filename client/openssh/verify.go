// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// CertifiedKey checks a host certificate, in base64 as ssh has it for %K, as ssh itself does: by whom it is
// signed, for which host, and whether it holds at this time. It returns the known_hosts line that has ssh
// believe the key in it, for the answer to a KnownHostsCommand.
//
// A line "@cert-authority" would not do: ssh would then look for the name that the user typed among the
// certificate's principals, suffix and all.
func CertifiedKey(authority, host, certificate string, now time.Time) (line string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("the host key of %q is not believed: %v", host, err)
		}
	}()
	ca, _, _, _, err := ssh.ParseAuthorizedKey([]byte(authority))
	if err != nil {
		return "", errors.New("the controller's host authority is not a public key")
	}
	cert, err := parseCertificate(certificate)
	if err != nil {
		return "", err
	}
	ours := func(by ssh.PublicKey, _ string) bool { return bytes.Equal(by.Marshal(), ca.Marshal()) }
	if !ours(cert.SignatureKey, host) {
		return "", errors.New("its certificate is signed by another authority than this context's: if the controller has a new one, run \"switchyard login\" again")
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return now }, IsHostAuthority: ours}
	if err := checker.CheckHostKey(net.JoinHostPort(host, "22"), nil, cert); err != nil {
		return "", err
	}
	return "* " + string(ssh.MarshalAuthorizedKey(cert.Key)), nil
}

func parseCertificate(text string) (*ssh.Certificate, error) {
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("it is not in base64")
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, errors.New("it cannot be read")
	}
	cert, ok := key.(*ssh.Certificate)
	switch {
	case !ok:
		return nil, errors.New("it has no certificate")
	case len(cert.ValidPrincipals) == 0:
		return nil, errors.New("its certificate names no host, so it would be for every one")
	}
	return cert, nil
}
