// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package openssh

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"switchyard/test/rig"
)

func TestAFileOfAnotherUserIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkOurs(path, info, os.Geteuid()); err != nil {
		t.Error(err)
	}
	if err := checkOurs(path, info, 0); err != nil {
		t.Errorf("root: %v", err)
	}
	if err := checkOurs(path, info, os.Geteuid()+1); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("somebody else: %v", err)
	}
}

func TestTheFileKeepsItsOwnerItsModeAndItsLink(t *testing.T) {
	rig.NeedRoot(t)
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.WriteFile(real, []byte("Host a\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(real, 4711, 4712); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(link)
	if err != nil {
		t.Fatal(err)
	}
	config, err := f.Put(block("switchyard", "c"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(config); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(real)
	if err != nil {
		t.Fatal(err)
	}
	if sys := info.Sys().(*syscall.Stat_t); sys.Uid != 4711 || sys.Gid != 4712 || info.Mode() != 0o640 {
		t.Errorf("it is of %d:%d, mode %v", sys.Uid, sys.Gid, info.Mode())
	}
	if to, err := os.Readlink(link); err != nil || to != "real" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}

func TestAFileThatSomebodyElseHasWrittenMeanwhileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	f, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("Host theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(ParseConfig(path, "Host ours\n")); err == nil || !strings.Contains(err.Error(), "run this again") {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "Host theirs\n" {
		t.Errorf("it holds %q, %v", b, err)
	}
}
