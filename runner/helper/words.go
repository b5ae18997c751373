// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"unicode"

	"switchyard/sshd"
)

// maxWords bounds what is kept of a process's words, in bytes.
const maxWords = 2 << 10

// words gathers the beginning of what a process says on its standard error, and reads the rest and its
// standard output to their ends.
type words struct {
	reading sync.WaitGroup
	mu      sync.Mutex // guards said
	said    bytes.Buffer
}

func (w *words) follow(p sshd.Process) {
	w.reading.Go(func() { _, _ = io.Copy(io.Discard, p.Stdout()) })
	w.reading.Go(func() { _, _ = io.Copy(w, p.Stderr()) })
}

// Write keeps what there is room for.
func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said.Write(b[:min(len(b), maxWords-w.said.Len())])
	return len(b), nil
}

// wait waits for the outputs' ends, which End brings, and returns the words as one line without what a
// terminal would obey.
func (w *words) wait() string {
	w.reading.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	line := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(w.said.String(), "?"))
	return strings.Join(strings.Fields(line), " ")
}
