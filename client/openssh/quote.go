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

// quoteOption quotes a path for an option of ssh that takes several, and expands % and ${} in them.
func quoteOption(path string) (string, error) {
	if strings.ContainsAny(path, "\x00\r\n") || strings.Contains(path, "${") {
		return "", fmt.Errorf("the path %q cannot be given to ssh: set XDG_CONFIG_HOME to one without \"${\" and line breaks", path)
	}
	path = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(path)
	return `"` + path + `"`, nil
}
