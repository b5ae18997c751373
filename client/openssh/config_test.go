// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"slices"
	"strings"
	"testing"
)

func block(suffix, context string) Block {
	return Block{Self: "/bin/switchyard", Context: context, Suffix: suffix, KnownHosts: "/k"}
}

func put(t *testing.T, text string, b Block) string {
	t.Helper()
	c, err := ParseConfig("f", text).Put(b)
	if err != nil {
		t.Fatal(err)
	}
	return c.Text()
}

func TestABlockIsPutOnceAndRemovedWithoutATrace(t *testing.T) {
	for _, text := range []string{"", "\n", "Host a", "Host a\n", "# x\r\nHost a\r\n", "Host a\n  User b\nMatch all", "\n\n# END of something\n"} {
		once := put(t, text, block("switchyard", "c"))
		if put(t, once, block("switchyard", "c")) != once {
			t.Errorf("%q: a second run changes it", text)
		}
		both := put(t, once, block("prod", "d"))
		if !strings.HasSuffix(both, text) || strings.Contains(text, "\r\n") && strings.Contains(strings.ReplaceAll(both, "\r\n", ""), "\n") {
			t.Errorf("%q has become %q", text, both)
		}
		for _, order := range [][]string{{"switchyard", "prod"}, {"prod", "switchyard"}} {
			c := ParseConfig("f", both)
			for _, suffix := range order {
				var err error
				if c, err = c.Remove(suffix); err != nil {
					t.Fatal(err)
				}
			}
			if c.Text() != text {
				t.Errorf("%q is %q at the end", text, c.Text())
			}
		}
	}
}

func TestABlockIsReplacedWhereItStands(t *testing.T) {
	old := "Host a\n# BEGIN switchyard *.switchyard\nold\n# END switchyard *.switchyard\nHost b\n"
	got := put(t, old, block("switchyard", "c"))
	if !strings.HasPrefix(got, "Host a\n# BEGIN") || !strings.HasSuffix(got, "# END switchyard *.switchyard\nHost b\n") || strings.Contains(got, "old") {
		t.Errorf("it has become %q", got)
	}
}

func TestABlockOfAnotherContextIsNotReplaced(t *testing.T) {
	c := ParseConfig("f", put(t, "", block("switchyard", "here")))
	if _, err := c.Put(block("switchyard", "there")); err == nil || !strings.Contains(err.Error(), `"here"`) || !strings.Contains(err.Error(), "--suffix") {
		t.Errorf("got %v", err)
	}
}

func TestMarkersThatAreNoPairAreRefused(t *testing.T) {
	const begin, end = "# BEGIN switchyard *.switchyard\n", "# END switchyard *.switchyard\n"
	for _, text := range []string{begin, end, end + begin, begin + begin + end, begin + end + end, begin + "x\n" + end + begin} {
		c := ParseConfig("the file", text)
		if _, err := c.Put(block("switchyard", "c")); err == nil || !strings.Contains(err.Error(), `"the file"`) {
			t.Errorf("put into %q: %v", text, err)
		}
		if _, err := c.Remove("switchyard"); err == nil {
			t.Errorf("removed from %q", text)
		}
		if _, err := c.Put(block("prod", "c")); err != nil {
			t.Errorf("another suffix's block has nothing to do with it: %v", err)
		}
	}
}

func TestDiffIsWhatPatchTakes(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"a\n", "a\n", ""},
		{"", "a\n", "@@ -0,0 +1,1 @@\n+a\n"},
		{"a\n", "", "@@ -1,1 +0,0 @@\n-a\n"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nx\ny\n6\n7\n8\n", "@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+x\n+y\n 6\n 7\n 8\n"},
		{"a", "b\na", "@@ -1,1 +1,2 @@\n+b\n a\n\\ No newline at end of file\n"},
		{"a\na\n", "a\na\na\n", "@@ -1,2 +1,3 @@\n a\n a\n+a\n"},
	} {
		got := ParseConfig("f", c.from).Diff(ParseConfig("f", c.to))
		if c.want != "" {
			c.want = "--- f\n+++ f\n" + c.want
		}
		if got != c.want {
			t.Errorf("from %q to %q: got\n%s\nwant\n%s", c.from, c.to, got, c.want)
		}
	}
}

func TestABlockIsQuotedForItsSystem(t *testing.T) {
	b := Block{Self: `C:\Program Files\100%\switchyard.exe`, Context: "prod", Suffix: "switchyard", KnownHosts: `C:\Users\a "b"\k`}
	for _, c := range []struct {
		goos, suffix string
		want         []string
	}{
		{"windows", "switchyard", []string{
			"Host *.switchyard \"!*$*\" \"!*`*\" \"!*'*\"",
			`    ProxyCommand "C:/Program Files/100%%/switchyard.exe" connect --context prod "%h"`, `    UserKnownHostsFile "C:/Users/a \"b\"/k"`,
		}},
		{"windows", "prod", []string{
			`    KnownHostsCommand "C:/Program Files/100%%/switchyard.exe" known-hosts --context prod --suffix prod --host=%h --certificate=%K`,
		}},
		{"darwin", "switchyard", []string{
			`Host *.switchyard "!*'*"`,
			`    ProxyCommand 'C:'\\'Program Files'\\'100%%'\\'switchyard.exe' connect --context prod '%h'`,
			`    UserKnownHostsFile "C:\\Users\\a \"b\"\\k"`,
		}},
		{"linux", "prod", []string{
			`    KnownHostsCommand "C:\\Program Files\\100%%\\switchyard.exe" known-hosts --context prod --suffix prod --host=%h --certificate=%K`,
		}},
	} {
		b.Suffix = c.suffix
		lines, err := b.lines(c.goos)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !slices.Contains(lines, want) {
				t.Errorf("on %s the block is\n%s\nit lacks %s", c.goos, strings.Join(lines, "\n"), want)
			}
		}
	}
}

func TestWhatNoConfigurationCanHoldIsRefusedAndQuoted(t *testing.T) {
	for _, c := range []struct{ goos, self, known string }{
		{"linux", "/a\nProxyCommand evil", "/k"}, {"linux", "/s", "/k\r"}, {"linux", "/s", "/k${HOME}"}, {"windows", `C:\a"b`, "/k"},
	} {
		b := Block{Self: c.self, Context: "c", Suffix: "switchyard", KnownHosts: c.known}
		if _, err := b.lines(c.goos); err == nil || !strings.Contains(err.Error(), `"`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func FuzzRemoveUndoesPut(f *testing.F) {
	f.Add("Host a\n", "switchyard")
	f.Add("# BEGIN switchyard *.prod\n# END switchyard *.prod", "prod")
	f.Fuzz(func(t *testing.T, text, suffix string) {
		c := ParseConfig("f", text)
		if from, to, err := c.find(Block{Suffix: suffix}); CheckSuffix(suffix) != nil || err != nil || from != to {
			return // a block was there before
		}
		with, err := c.Put(block(suffix, "c"))
		if err != nil {
			t.Fatal(err)
		}
		if without, err := with.Remove(suffix); err != nil || without.Text() != text {
			t.Errorf("%q has become %q, %v", text, without.Text(), err)
		}
	})
}
