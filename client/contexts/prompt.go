// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package contexts

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"switchyard/client"
)

// LoginToken returns the token that a user logs in with: from a file, "-" being in, from the
// environment, or asked for when in is a terminal, where it is not echoed.
func LoginToken(file string, getenv func(string) string, in *os.File, prompt io.Writer) (client.Token, error) {
	if file == "-" {
		t, err := client.ReadToken(in)
		if err != nil {
			return "", fmt.Errorf("standard input has %v", err)
		}
		return t, nil
	}
	t, err := GivenToken(file, getenv)
	if err != nil || t != "" {
		return t, err
	}
	if !term.IsTerminal(int(in.Fd())) {
		return "", errors.New("no token is given and there is no terminal to ask for one: use --token-file FILE, \"-\" for standard input")
	}
	return ask(in, prompt)
}

func ask(in *os.File, prompt io.Writer) (client.Token, error) {
	fmt.Fprint(prompt, "API token: ")
	b, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(prompt)
	if err != nil {
		return "", errors.New("no token was given: use --token-file FILE")
	}
	t, err := client.ParseToken(string(b))
	if err != nil {
		return "", fmt.Errorf("the answer has %v", err)
	}
	return t, nil
}
