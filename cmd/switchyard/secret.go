// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"switchyard/client/contexts"
	"switchyard/client/show"
)

// handOut has make make a secret and writes it where path says: to a new file, to standard output for
// "-", nowhere when path is empty.
func (p *program) handOut(path string, make func() (secret string, err error)) error {
	if path == "" || path == "-" {
		secret, err := make()
		if err == nil && path == "-" {
			_, err = fmt.Fprintln(p.out, show.Line(secret))
		}
		return err
	}
	file, err := contexts.NewSecret(path)
	if err != nil {
		return err
	}
	secret, err := make()
	if err != nil {
		file.Discard()
		return err
	}
	return file.Write(secret)
}
