// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package wholefile

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestReplaceMakesAPrivateFileAndKeepsTheModeOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	check := func(content string, mode os.FileMode) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil || string(b) != content {
			t.Errorf("it holds %q, %v; want %q", b, err, content)
		}
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("its mode is %v, %v; want %v", info.Mode(), err, mode)
		}
	}
	if err := Replace(path, []byte("one"), nil); err != nil {
		t.Fatal(err)
	}
	check("one", 0o600)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("two"), info); err != nil {
		t.Fatal(err)
	}
	check("two", 0o640)
}

func TestAFailureLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("x"), nil); err == nil {
		t.Error("a directory was replaced")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	if err := Replace(filepath.Join(dir, "none", "f"), nil, nil); err == nil {
		t.Error("a file was made in no directory")
	}
}
