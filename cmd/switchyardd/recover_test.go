// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/controller/datadir"
	"switchyard/proof"
)

// run runs "switchyardd" to its end.
func run(t *testing.T, args ...string) (code int, out, stderr string) {
	t.Helper()
	cmd, errs := prepare(t, args...)
	var b bytes.Buffer
	cmd.Stdout = &b
	code = exitCodeOf(t, cmd.Run())
	return code, b.String(), errs.String()
}

// dataDir is one that a controller has used.
func dataDir(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	d, err := datadir.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// isAdmins tells whether a token is good, and an admin's.
func isAdmins(t *testing.T, path, secret string) bool {
	t.Helper()
	d, err := datadir.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, u, err := d.Store.TokenByDigest(t.Context(), proof.TokenDigest(secret))
	return err == nil && u.Admin
}

func TestAdminTokenIsWrittenToAFileOfItsOwnerAndNotShown(t *testing.T) {
	path := dataDir(t)
	file := filepath.Join(t.TempDir(), "new.token")
	code, out, stderr := run(t, "admin-token", "--data-dir", path, "--out", file)
	if want := "a token of user \"admin\" is in " + file + "\n"; code != 0 || out != want || stderr != "" {
		t.Errorf("exit code %d, it said %q and %q, need %q", code, out, stderr, want)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	if !isAdmins(t, path, strings.TrimSpace(string(b))) {
		t.Error("the token is not an admin's")
	}
}

func TestAdminTokenOverwritesNothing(t *testing.T) {
	path := dataDir(t)
	file := filepath.Join(path, datadir.AdminTokenFile) // of the first start, and the default
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	code, out, stderr := run(t, "admin-token", "--data-dir", path)
	if code != 1 || out != "" || !strings.Contains(stderr, "--out") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, it said %q and %q", code, out, stderr)
	}
	if after, _ := os.ReadFile(file); string(after) != string(before) {
		t.Error("the file was overwritten")
	}
}

func TestAdminTokenGoesToStandardOutputWhenToldSo(t *testing.T) {
	path := dataDir(t)
	code, out, stderr := run(t, "admin-token", "--data-dir", path, "--out", "-")
	if code != 0 || stderr != "" || !isAdmins(t, path, strings.TrimSuffix(out, "\n")) {
		t.Errorf("exit code %d, it said %q", code, stderr)
	}
}

func TestAdminTokenWhileAControllerRunsSaysToStopIt(t *testing.T) {
	path := dataDir(t)
	d, err := datadir.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	file := filepath.Join(t.TempDir(), "new.token")
	code, _, stderr := run(t, "admin-token", "--data-dir", path, "--out", file)
	if code != 1 || !strings.Contains(stderr, "stop the controller first") {
		t.Errorf("exit code %d, it said %q", code, stderr)
	}
	if _, err := os.Lstat(file); err == nil {
		t.Error("the file was made")
	}
}

func TestASecretThatIsLostIsMadeAnew(t *testing.T) {
	path := dataDir(t)
	if code, _, stderr := run(t, "make-secret", datadir.HostFile, "--data-dir", path); code != 1 || !strings.Contains(stderr, "move it away") {
		t.Errorf("exit code %d, it said %q", code, stderr)
	}
	if err := os.Remove(filepath.Join(path, datadir.HostFile)); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, "make-secret", datadir.HostFile, "--data-dir", path); code != 0 || stderr != "" {
		t.Errorf("exit code %d, it said %q", code, stderr)
	}
	d, err := datadir.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}
