// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/controller/store"
	"switchyard/proof"
	"switchyard/test/leaks"
	"switchyard/test/rig"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

func mustOpen(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// adminWorks checks that the token in the file is the admin's.
func adminWorks(t *testing.T, d *Dir) {
	t.Helper()
	b, err := os.ReadFile(d.AdminTokenFile)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(b))
	if !strings.HasPrefix(token, api.TokenPrefix) || len(token) != len(api.TokenPrefix)+64 {
		t.Errorf("the token has %d characters", len(token))
	}
	_, u, err := d.Store.TokenByDigest(t.Context(), proof.TokenDigest(token))
	if err != nil || u.Name != FirstUser || !u.Admin || u.Disabled {
		t.Errorf("the token is of %+v, %v", u, err)
	}
	roles, err := d.Store.Memberships(t.Context(), FirstUser)
	if err != nil || roles[FirstProject] != api.Owner {
		t.Errorf("the admin's projects are %v, %v", roles, err)
	}
}

func TestFirstStartMakesEverythingForTheOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := mustOpen(t, path)
	adminWorks(t, d)
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecondStartFindsWhatTheFirstMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	one := mustOpen(t, path)
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	two := mustOpen(t, path)
	if one.SystemToken != two.SystemToken || string(one.TLS.DER()) != string(two.TLS.DER()) || one.Host.Line() != two.Host.Line() {
		t.Error("the secrets differ")
	}
	adminWorks(t, two)
	if err := os.Remove(two.AdminTokenFile); err != nil {
		t.Fatal(err)
	}
	two.Close()
	if three := mustOpen(t, path); three.AdminTokenFile != "" {
		t.Errorf("a token file that was removed is back: %q", three.AdminTokenFile)
	}
}

// TestStartThatDiedAnywhereIsCompleted takes away, from a finished first start, what a start that died at
// each of its steps would not have made.
func TestStartThatDiedAnywhereIsCompleted(t *testing.T) {
	order := []string{LockFile, SystemTokenFile, TLSFile, TLSCertFile, HostFile, DatabaseFile, AdminTokenFile}
	for made := range order {
		t.Run(order[made], func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data")
			d := mustOpen(t, path)
			d.Close()
			for _, name := range order[made:] {
				os.Remove(filepath.Join(path, name))
			}
			if err := os.WriteFile(filepath.Join(path, unfinished+"1"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			if order[made] == AdminTokenFile {
				// The schema is there and nobody is in it yet.
				os.Remove(filepath.Join(path, DatabaseFile))
				s, err := store.Open(t.Context(), filepath.Join(path, DatabaseFile))
				if err != nil {
					t.Fatal(err)
				}
				s.Close()
			}
			adminWorks(t, mustOpen(t, path))
			if _, err := os.Stat(filepath.Join(path, unfinished+"1")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the unfinished file is there: %v", err)
			}
		})
	}
	t.Run("between the token's file and the database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "data")
		d := mustOpen(t, path)
		d.Close()
		os.Remove(filepath.Join(path, DatabaseFile))
		adminWorks(t, mustOpen(t, path))
	})
}

func TestTwoControllersDoNotShareADirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d := mustOpen(t, path)
	_, err := Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "in use by another controller (process ") || !strings.Contains(err.Error(), path) {
		t.Errorf("the second one: %v", err)
	}
	adminWorks(t, d)
	d.Close()
	mustOpen(t, path)
}

func TestDirectoryThatOthersCanReadIsRefusedWithTheWayOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it's data")
	d := mustOpen(t, path)
	d.Close()
	if err := os.Chmod(path, 0o750); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	if want := `chmod 700 '` + filepath.Dir(path) + `/it'\''s data'`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("refused with %v, want %s", err, want)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o750 {
		t.Errorf("the mode was changed to %v", info.Mode())
	}
}

func TestDirectoryOfOtherThingsIsRefusedAndNotTouched(t *testing.T) {
	path := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(path, "passwd"), nil, 0o644), os.Chmod(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "new or empty") || strings.Contains(err.Error(), "chmod") {
		t.Errorf("refused with %v", err)
	}
	if entries, _ := os.ReadDir(path); len(entries) != 1 {
		t.Errorf("it holds %v", entries)
	}
}

func TestEmptyDirectoryIsClosedToOthers(t *testing.T) {
	path := t.TempDir()
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o700 {
		t.Errorf("the mode is %v", info.Mode())
	}
}

func TestDirectoryOfAnotherUserIsRefusedWithTheWayOut(t *testing.T) {
	rig.NeedRoot(t) // to give a directory to another user
	path := t.TempDir()
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "chown -R 0 "+path) || !strings.Contains(err.Error(), "12345") {
		t.Errorf("refused with %v", err)
	}
}

func TestSecretThatOthersCanReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d := mustOpen(t, path)
	d.Close()
	for _, name := range []string{SystemTokenFile, TLSFile, HostFile} {
		file := filepath.Join(path, name)
		if err := os.Chmod(file, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "chmod 600 "+file) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecretThatIsSpoiledIsRefusedAndNotShown(t *testing.T) {
	for _, name := range []string{SystemTokenFile, TLSFile, HostFile} {
		path := filepath.Join(t.TempDir(), "data")
		d := mustOpen(t, path)
		d.Close()
		file := filepath.Join(path, name)
		if err := os.WriteFile(file, []byte("SPOILED"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "SPOILED") {
			t.Errorf("%s: %v", name, err)
		}
		if b, _ := os.ReadFile(file); string(b) != "SPOILED" {
			t.Errorf("%s was overwritten", name)
		}
	}
}

func TestFailedOpenLetsGoOfTheDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, path); err == nil {
		t.Fatal("opened under an ended context")
	}
	adminWorks(t, mustOpen(t, path))
}

func TestTokenIsRandomAndOnlyItsDigestIsKept(t *testing.T) {
	one, a := controller.NewToken("u", "", time.Now())
	two, b := controller.NewToken("u", "", time.Now())
	if one == two || a.ID == b.ID || a.Digest != proof.TokenDigest(one) {
		t.Error("two tokens are alike, or the digest is another's")
	}
	path := filepath.Join(t.TempDir(), "data")
	d := mustOpen(t, path)
	token, err := os.ReadFile(d.AdminTokenFile)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	for _, name := range []string{DatabaseFile, DatabaseFile + "-wal"} {
		b, err := os.ReadFile(filepath.Join(path, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if strings.Contains(string(b), strings.TrimSpace(string(token))) {
			t.Errorf("the token is in %s", name)
		}
	}
}
