// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"slices"
	"strings"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"
)

// algorithms returns what is offered at key exchange: all that the library holds to be secure, less what
// rests on SHA-1. The client's order decides (RFC 4253 section 7.1), so a cipher that must not be
// chosen must not be offered.
func algorithms() gossh.Config {
	known := gossh.SupportedAlgorithms()
	return gossh.Config{
		KeyExchanges: slices.DeleteFunc(known.KeyExchanges, unwantedKeyExchange),
		Ciphers:      ciphers(hasAES()),
		MACs:         slices.DeleteFunc(known.MACs, func(m string) bool { return strings.HasPrefix(m, "hmac-sha1") }),
	}
}

// unwantedKeyExchange tells the key exchanges whose cost a peer can use against the server: a
// group that the peer sizes, and the 4096 bit group. Every client has one of the others.
func unwantedKeyExchange(name string) bool {
	return name == gossh.KeyExchangeDHGEXSHA256 || name == gossh.KeyExchangeDH16SHA512
}

// ciphers lists the ciphers. OpenSSH's clients prefer chacha20-poly1305, for which this library has
// no assembly that keeps up with AES instructions: it takes about twice the time. So with AES in the
// CPU it is not offered at all, and without it comes first.
func ciphers(aes bool) []string {
	list := []string{
		gossh.CipherAES128GCM, gossh.CipherAES256GCM,
		gossh.CipherAES128CTR, gossh.CipherAES192CTR, gossh.CipherAES256CTR,
	}
	if aes {
		return list
	}
	return append([]string{gossh.CipherChaCha20Poly1305}, list...)
}

// hasAES tells whether the CPU does AES-GCM by itself: the cipher and its carry-less multiplication.
func hasAES() bool {
	return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ || cpu.ARM64.HasAES && cpu.ARM64.HasPMULL
}
