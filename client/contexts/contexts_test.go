// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package contexts

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"switchyard/client"
)

func save(t *testing.T, dir string, names ...string) *File {
	t.Helper()
	f, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		f.Put(Context{Name: n, URL: "https://" + n + ".test", Token: client.Token("swy_" + n)})
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFileIsReadAsItWasWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "switchyard")
	save(t, dir, "one", "two")
	f, err := Load(dir)
	if err != nil || f.Current != "two" || !slices.Equal(f.Names(), []string{"one", "two"}) {
		t.Fatalf("%v, %v", f, err)
	}
	if c := f.Find("one"); c == nil || string(c.Token) != "swy_one" {
		t.Errorf("%v", c)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left %v beside the file, %v", entries, err)
	}
}

func TestRemovingTheCurrentContextChoosesNoOther(t *testing.T) {
	f := save(t, t.TempDir(), "one", "two")
	if err := f.Remove("two"); err != nil || f.Current != "" || len(f.Contexts) != 1 {
		t.Errorf("%v, %v", f, err)
	}
	if err := f.Remove("two"); err == nil {
		t.Error("removed it twice")
	}
}

func TestFileThatOthersMayUseIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("mode bits say nothing there")
	}
	dir := t.TempDir()
	save(t, dir, "one")
	path := filepath.Join(dir, fileName)
	for _, mode := range []os.FileMode{0o644, 0o640, 0o660, 0o602, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "swy_") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
}

func TestFailedWriteLeavesTheOldFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("mode bits say nothing there")
	}
	dir := t.TempDir()
	f := save(t, dir, "one")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	f.Put(Context{Name: "two"})
	if err := f.Save(); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Error(err)
	}
	back, err := Load(dir)
	if err != nil || len(back.Contexts) != 1 {
		t.Errorf("%v, %v", back, err)
	}
}

func TestSecretIsMadeInANewFileOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	s, err := NewSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSecret(path); err == nil {
		t.Error("made it twice")
	}
	if err := s.Write("secret"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "secret\n" {
		t.Errorf("%q, %v", b, err)
	}
	other := filepath.Join(filepath.Dir(path), "other")
	s, err = NewSecret(other)
	if err != nil {
		t.Fatal(err)
	}
	s.Discard()
	if _, err := os.Stat(other); !os.IsNotExist(err) {
		t.Errorf("discarded, it is still there: %v", err)
	}
}

func TestContextNamesFitFilesAndShells(t *testing.T) {
	for _, name := range []string{"a", "127.0.0.1", "controller.example-2", "A_b"} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", ".", "..", ".url-x", "-x", "a/b", `a\b`, "a b", "a%b", "é", strings.Repeat("x", 300)} {
		if err := CheckName(name); err == nil {
			t.Errorf("took %q", name)
		}
	}
}

func TestNameForTellsControllersOfOneHostApart(t *testing.T) {
	f := &File{}
	name := func(url string) string {
		e, err := client.ParseEndpoint(url)
		if err != nil {
			t.Fatal(err)
		}
		n := f.NameFor(e)
		if err := CheckName(n); err != nil {
			t.Error(err)
		}
		f.Put(Context{Name: n, URL: e.String()})
		return n
	}
	for _, c := range [][2]string{
		{"https://host:1", "host"}, {"https://host:2", "host-2"}, {"https://host:1", "host"}, {"https://HOST:2/", "host-2"},
		{"https://[2001:db8::1]", "2001-db8--1"}, {"unix:///run/x.sock", "x"}, {"https://[::1]:8443", "controller"},
		{"unix:///run/.sock", "controller-2"}, {"unix:///run/a b.sock", "controller-3"},
	} {
		if got := name(c[0]); got != c[1] {
			t.Errorf("%s is named %q, want %q", c[0], got, c[1])
		}
	}
}

// environment makes a getenv.
func environment(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestHandOverSelectsTheSameController(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "one", "two")
	file := filepath.Join(dir, "t")
	if err := os.WriteFile(file, []byte("swy_file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags Flags
		env   func(string) string
		url   string
		token string
		want  []string
	}{
		{Flags{}, environment(), "https://two.test", "swy_two", []string{"--context", "two"}},
		{Flags{Context: "one"}, environment(EnvToken, "swy_env"), "https://one.test", "swy_one", []string{"--context", "one"}},
		{Flags{Context: "one", TokenFile: file}, environment(), "https://one.test", "swy_file", []string{"--context", "one", "--token-file", file}},
		{Flags{}, environment(EnvContext, "one"), "https://one.test", "swy_one", []string{"--context", "one"}},
		{Flags{}, environment(EnvContext, "one", EnvToken, "swy_env"), "https://one.test", "swy_env", nil},
		{Flags{}, environment(EnvURL, "https://x.test", EnvTokenFile, file), "https://x.test", "swy_file", nil},
		{Flags{URL: "x.test"}, environment(EnvToken, "swy_env"), "https://x.test", "swy_env", []string{"--url", "https://x.test"}},
	} {
		s, err := Select(c.flags, c.env, dir)
		if err != nil {
			t.Errorf("%+v: %v", c.flags, err)
			continue
		}
		if s.URL != c.url || string(s.Token) != c.token || !slices.Equal(s.HandOver, c.want) {
			t.Errorf("%+v selects %s with %s, hands over %q", c.flags, s.URL, string(s.Token), s.HandOver)
		}
	}
}

func TestTokenOfTheFileGoesToNoOtherURL(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "one")
	for _, flags := range []Flags{{URL: "https://evil.test"}, {URL: "https://one.test"}} {
		if s, err := Select(flags, environment(), dir); err == nil {
			t.Errorf("%+v selects %+v", flags, s)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"current":"a","contexts":[{"name":"a","url":"https://a","token":"swy_x"}]}`))
	f.Add([]byte(`{"contexts":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Load(dir)
		if err != nil {
			return
		}
		if err := file.Save(); err != nil {
			t.Fatal(err)
		}
		if back, err := Load(dir); err != nil || back.Current != file.Current || len(back.Contexts) != len(file.Contexts) {
			t.Errorf("%+v has become %+v, %v", file, back, err)
		}
	})
}
