// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"fmt"
	"strings"
)

// quoteWord quotes a word for whatever runs a ProxyCommand: on Windows CreateProcess or the sh that
// comes with git, elsewhere the user's shell, which may be sh, csh or fish.
func quoteWord(s, goos string) (string, error) {
	if strings.ContainsAny(s, "\x00\r\n") {
		return "", fmt.Errorf("%q has a line break in it: ssh cannot be given that", s)
	}
	if goos == "windows" {
		return quoteWindows(s)
	}
	if s != "" && strings.Trim(s, plain) == "" {
		return s, nil
	}
	// Nothing is special between single quotes, but to fish the backslash, and to csh "!".
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) { // by bytes: a path need not be UTF-8
		if strings.IndexByte(`'\!`, s[i]) >= 0 {
			b.WriteString(`'\`)
			b.WriteByte(s[i])
			b.WriteByte('\'')
			continue
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('\'')
	return b.String(), nil
}

// plain are the characters that no shell takes for anything else.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@,+"

// quoteWindows turns backslashes into slashes, which Windows takes too: what a backslash means
// between double quotes is not the same to CreateProcess and to sh.
func quoteWindows(s string) (string, error) {
	s = strings.ReplaceAll(s, `\`, "/")
	if strings.ContainsAny(s, "\"$`") {
		return "", fmt.Errorf("%q has a character in it that cannot be quoted for every shell: use a path without it", s)
	}
	if s != "" && strings.Trim(s, plain) == "" {
		return s, nil
	}
	return `"` + s + `"`, nil
}

// commandLine joins words to a line for whatever runs a ProxyCommand. ssh expands % in it first.
func commandLine(words []string, goos string) (string, error) {
	var quoted []string
	for _, w := range words {
		q, err := quoteWord(w, goos)
		if err != nil {
			return "", err
		}
		quoted = append(quoted, strings.ReplaceAll(q, "%", "%%"))
	}
	return strings.Join(quoted, " "), nil
}

// argumentLine joins words to a line that ssh itself takes apart, for a KnownHostsCommand, and only then
// expands % and ${} in.
func argumentLine(words []string, goos string) (string, error) {
	var quoted []string
	for _, w := range words {
		q, err := quoteOption(w, goos)
		if err != nil {
			return "", err
		}
		if strings.Trim(w, plain) == "" && w != "" {
			q = w
		}
		quoted = append(quoted, q)
	}
	return strings.Join(quoted, " "), nil
}

// quoteOption quotes a word, mostly a path, for an option of ssh that takes several, and expands % and
// ${} in them.
func quoteOption(word, goos string) (string, error) {
	if strings.ContainsAny(word, "\x00\r\n") || strings.Contains(word, "${") {
		return "", fmt.Errorf("%q cannot be given to ssh: use a path, for the settings by XDG_CONFIG_HOME, that has neither \"${\" nor line breaks", word)
	}
	if goos == "windows" {
		// Before OpenSSH 8.7 a backslash stood for itself: a slash is one to all of them.
		word = strings.ReplaceAll(word, `\`, "/")
	}
	word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(word)
	return `"` + word + `"`, nil
}
