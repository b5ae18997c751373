// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ca holds the two certificate authorities of an installation: the X.509 one ([TLS]) that signs
// the controller's own server certificate, and the SSH one ([Host]) that signs the host keys of runners.
//
// A server takes its certificates from [Self], which signs and renews them, or from [Files], which
// watches a pair of files. Nothing here is published or revoked: certificates are short-lived instead.
//
// Everything may be used concurrently.
package ca
