// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// fingerprint is a key of a record as clients show it.
func fingerprint(t *testing.T, key string) string {
	t.Helper()
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key))
	must(t, err)
	return ssh.FingerprintSHA256(public)
}

// knownKeys writes a known_hosts of the containers' own keys, as the records have them, for clients that
// know no host certificates.
func (f *fleet) knownKeys(t *testing.T, file string) string {
	t.Helper()
	var lines []string
	for _, i := range images {
		lines = append(lines, i.name+" "+f.one(i.name+"-root").box.Record(t).HostKey)
	}
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	must(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return file
}
