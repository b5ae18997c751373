// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proof makes and checks what the parts of an installation show each other.
//
// There is one root secret, the [SystemToken], which only controllers hold. Everything else is
// derived from it with HMAC-SHA256 (RFC 2104, FIPS 198-1) and so never needs to be stored:
//
//	container key  Kc = HMAC(system token, container id)
//	address key    Ka = HMAC(Kc, runner address)
//	E              = TLS 1.3 exporter (RFC 8446 section 7.5), label [ExporterLabel], no context, 32 bytes
//	request proof  = HMAC(Ka, "request" 0x00 E 0x00 SHA-256(grant))
//	response proof = HMAC(Ka, "response" 0x00 E)
//
// The nesting makes a connection that reaches the wrong container's runner fail, and keeps a node
// that once held the same container's key from impersonating the one that runs it now, because it
// does not know the address. E binds both proofs to one TLS session, so that a captured proof is
// worth nothing and nobody can sit between the two ends although the runner's certificate is self-signed.
//
// A runner calls the controller's API with a signature under its container key ([ContainerKey.Sign]);
// a controller shows a client that has only a token that its certificate authority is the right one
// ([Authority]).
//
// All functions are pure and may run concurrently. Keys print as a placeholder under every fmt verb.
package proof
