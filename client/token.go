// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"switchyard/api"
)

// maxToken is far above the length of any token, and far below that of a file given by mistake.
const maxToken = 512

// Token is an API token. It prints as a placeholder under every verb.
type Token string

// Format keeps the token out of messages, whatever the verb.
func (Token) Format(f fmt.State, _ rune) { io.WriteString(f, "[token]") }

var errTokenForm = errors.New("no token in it: a token is one line that begins with " + api.TokenPrefix)

// ParseToken takes the white space off and refuses what has not the form of a token, so that a
// password or a private key given by mistake is not sent to anybody. The error never holds the input.
func ParseToken(s string) (Token, error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, api.TokenPrefix) || len(s) > maxToken {
		return "", errTokenForm
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return "", errTokenForm
		}
	}
	return Token(s), nil
}

// ReadToken reads a token from r, which has nothing else in it.
func ReadToken(r io.Reader) (Token, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxToken+1))
	if err != nil {
		return "", err
	}
	return ParseToken(string(b))
}

// ReadTokenFile reads a token from the file at path.
func ReadTokenFile(path string) (Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the token file: %v", err)
	}
	defer f.Close()
	t, err := ReadToken(f)
	if err != nil {
		return "", fmt.Errorf("reading the token file %q: %v", path, err)
	}
	return t, nil
}
