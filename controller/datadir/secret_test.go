// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStartThatFindsADatabaseAndMissesASecretIsRefusedAndMakesNone(t *testing.T) {
	for _, name := range Secrets {
		path := filepath.Join(t.TempDir(), "data")
		mustOpen(t, path).Close()
		file := filepath.Join(path, name)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "restore the file from the backup") ||
			!strings.Contains(err.Error(), "switchyardd make-secret "+name) {
			t.Errorf("without %s: %v", name, err)
		}
		if !missing(path, name) {
			t.Errorf("%s was made", name)
		}
	}
}

func TestCertificateOfTheAuthorityIsMadeAgainFromItsKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	mustOpen(t, path).Close()
	if err := os.Remove(filepath.Join(path, TLSCertFile)); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, path)
	if b, err := os.ReadFile(filepath.Join(path, TLSCertFile)); err != nil || string(b) != string(d.TLS.PEM()) {
		t.Errorf("the certificate is %q, %v", b, err)
	}
}

func TestSecretThatWasLostForGoodIsMadeWhenAskedFor(t *testing.T) {
	for _, name := range Secrets {
		path := filepath.Join(t.TempDir(), "data")
		mustOpen(t, path).Close()
		file := filepath.Join(path, name)
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := MakeSecret(path, name); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s that is there: %v", name, err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := MakeSecret(path, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d := mustOpen(t, path)
		adminWorks(t, d)
		if after, _ := os.ReadFile(file); string(after) == string(before) {
			t.Errorf("%s is as before", name)
		}
		if b, _ := os.ReadFile(filepath.Join(path, TLSCertFile)); string(b) != string(d.TLS.PEM()) {
			t.Errorf("after a new %s, %s is not the authority's", name, TLSCertFile)
		}
	}
}

func TestSecretIsMadeOnlyInADataDirectoryThatNobodyUses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	if err := MakeSecret(path, HostFile); err == nil || !strings.Contains(err.Error(), "not the data directory") {
		t.Errorf("in a directory that is not there: %v", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the directory was made")
	}
	mustOpen(t, path)
	if err := MakeSecret(path, HostFile); err == nil || !strings.Contains(err.Error(), "stop the controller first") {
		t.Errorf("while a controller runs: %v", err)
	}
	if err := MakeSecret(path, DatabaseFile); err == nil || !strings.Contains(err.Error(), "no secret") {
		t.Errorf("what is no secret: %v", err)
	}
}
