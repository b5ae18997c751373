// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package broker

import (
	"encoding/json"
	"fmt"
)

// Version is the protocol's. A runner speaks to a broker of its own version only.
const Version = 1

// MaxMessage is the longest message, in bytes.
const MaxMessage = 64 << 10

// What a request asks for.
const (
	// Dial connects to the socket at Path; the reply has the connected socket.
	Dial = "dial"
	// Listen makes a socket at Path; the reply has the listening one. With Unlink, a socket that is
	// there is removed first.
	Listen = "listen"
	// ListenPrivate makes one called Name in a new directory; the reply says its Path.
	ListenPrivate = "listen-private"
	// WritePrivate makes a file called Name with Content in a new directory; the reply says its Path.
	WritePrivate = "write-private"
	// Remove removes what the request Made has made.
	Remove = "remove"
)

// Hello is the broker's first message.
type Hello struct {
	Version int `json:"version"`
}

// Request is a message of the runner's.
type Request struct {
	ID      uint64 `json:"id"` // not zero, and unique
	Op      string `json:"op"`
	Path    []byte `json:"path,omitempty"`
	Unlink  bool   `json:"unlink,omitempty"`
	Name    []byte `json:"name,omitempty"`
	Content []byte `json:"content,omitempty"`
	Made    uint64 `json:"made,omitempty"`
}

// Reply is the answer to one request.
type Reply struct {
	ID uint64 `json:"id"`
	// Errno is the system's, when it failed; zero when it did not.
	Errno int    `json:"errno,omitempty"`
	Path  []byte `json:"path,omitempty"`
}

// Decode reads a message. Anything but exactly one is an error.
func Decode[M Hello | Request | Reply](packet []byte) (m M, err error) {
	if err := json.Unmarshal(packet, &m); err != nil {
		return m, fmt.Errorf("a message of %d bytes: %v", len(packet), err)
	}
	return m, nil
}

// Encode writes a message. One that is too long is an error.
func Encode[M Hello | Request | Reply](m M) ([]byte, error) {
	b, err := json.Marshal(m)
	if err == nil && len(b) > MaxMessage {
		err = fmt.Errorf("a message of %d bytes, and %d are the most", len(b), MaxMessage)
	}
	return b, err
}
