// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// retry calls again what a signal interrupted: the Go runtime sends itself some (SIGURG).
func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}

// retryErr is retry for calls that return nothing else.
func retryErr(call func() error) error {
	_, err := retry(func() (int, error) { return 0, call() })
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func putUint32(b []byte, n uint32) { binary.BigEndian.PutUint32(b, n) }
