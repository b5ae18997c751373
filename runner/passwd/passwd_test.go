// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package passwd

import (
	"bytes"
	"strings"
	"testing"
)

const file = `root:x:0:0:root:/root:/bin/sh
# a comment
+nis::0:0:::
alice:x:1000:100:Alice:/home/alice:/bin/bash
  spaced:x:1001:100::/:/bin/sh
nohome:x:1002:100
broken:x:many:100::/:/bin/sh
huge:x:4294967295:0::/:/bin/sh
negative:x:-1:0::/:/bin/sh

again:x:1000:7:same uid:/srv:/bin/sh
1000:x:1005:5:a name that is a number:/five:/bin/sh
crlf:x:1006:6::/crlf:/bin/sh` + "\r\n" + "nul:x:1007:7::/n\x00ul:/bin/sh\n"

const groupFile = `root:x:0:
staff:x:2000:alice,bob
empty:x:2001
bad:x:zero:alice
`

func TestParseKeepsEntriesAndPassesOverTheRest(t *testing.T) {
	var names []string
	for _, e := range Parse([]byte(file)) {
		names = append(names, e.Name)
	}
	if got, want := strings.Join(names, " "), "root alice spaced nohome again 1000 crlf"; got != want {
		t.Errorf("entries %q, want %q", got, want)
	}
}

func TestLoginsResolveAsDockerExecDoes(t *testing.T) {
	entries := Parse([]byte(file))
	for _, test := range []struct {
		login, name, user, home string
		uid, gid                uint32
		listed                  bool
	}{
		{"root", "root", "root", "/root", 0, 0, true},
		{"alice", "alice", "alice", "/home/alice", 1000, 100, true},
		{"1000", "alice", "1000", "/home/alice", 1000, 100, true}, // first of name and uid
		{"1005", "1000", "1005", "/five", 1005, 5, true},
		{"1000:7", "alice", "1000:7", "/home/alice", 1000, 7, true},
		{"007", "7", "7", "", 7, 0, false},
		{"5000", "5000", "5000", "", 5000, 0, false},
		{"5000:6000", "5000", "5000:6000", "", 5000, 6000, false},
		{"2147483647", "2147483647", "2147483647", "", 2147483647, 0, false},
		{"nohome", "nohome", "nohome", "", 1002, 100, true},
		{"crlf", "crlf", "crlf", "/crlf", 1006, 6, true},
	} {
		who, ok := Login(entries, test.login)
		got := []any{who.Name, who.User, who.Home, who.UID, who.GID, who.Listed, ok}
		want := []any{test.name, test.user, test.home, test.uid, test.gid, test.listed, true}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("login %q: got %v, want %v", test.login, got, want)
				break
			}
		}
	}
}

func TestLoginsThatAreNoneAreRefused(t *testing.T) {
	entries := Parse([]byte(file))
	for _, login := range []string{
		"", "nobody", "ALICE", "alice:staff", "alice:0", "1000:staff", ":0", "0:", ":", "-1", "+1", "0x10",
		"2147483648", "4294967296", "0:4294967295", "1:2:3", "nul", "broken", "+nis", "# a comment", "a\nb", "١٢",
	} {
		if who, ok := Login(entries, login); ok {
			t.Errorf("login %q was resolved to %+v", login, who)
		}
	}
}

func TestTheDefaultUserResolvesAsTheContainerWasConfigured(t *testing.T) {
	entries, groups := Parse([]byte(file)), ParseGroups([]byte(groupFile))
	for _, test := range []struct {
		config, name, user string
		uid, gid           uint32
	}{
		{"", "root", "", 0, 0},
		{"alice", "alice", "alice", 1000, 100},
		{"1000", "alice", "1000", 1000, 100},
		{"alice:staff", "alice", "alice:2000", 1000, 2000},
		{"1000:2001", "alice", "1000:2001", 1000, 2001},
		{"77:88", "77", "77:88", 77, 88},
		{":staff", "root", "0:2000", 0, 2000},
		{"alice:", "alice", "alice", 1000, 100},
	} {
		who, ok := Default(entries, groups, test.config)
		if !ok || who.Name != test.name || who.User != test.user || who.UID != test.uid || who.GID != test.gid {
			t.Errorf("user %q: got %+v, %v; want %+v", test.config, who, ok, test)
		}
	}
	for _, config := range []string{"nobody", "alice:nogroup", "nobody:staff", "alice:-1"} {
		if who, ok := Default(entries, groups, config); ok {
			t.Errorf("user %q was resolved to %+v", config, who)
		}
	}
	if who, ok := Default(nil, nil, ""); !ok || who.UID != 0 || who.Listed || who.Name != "0" {
		t.Errorf("without a passwd: got %+v, %v", who, ok)
	}
}

func TestGroupsHaveTheirMembers(t *testing.T) {
	groups := ParseGroups([]byte(groupFile))
	if len(groups) != 3 {
		t.Fatalf("groups %+v", groups)
	}
	if got := strings.Join(groups[1].Members, " "); got != "alice bob" {
		t.Errorf("members of staff: %q", got)
	}
	if groups[2].Members != nil {
		t.Errorf("members of empty: %q", groups[2].Members)
	}
}

// What Parse returns can be written as a line and read back the same, and no
// field of it can smuggle in another line or field.
func FuzzParse(f *testing.F) {
	f.Add([]byte(file))
	f.Add([]byte(groupFile))
	f.Add([]byte("a:b:1:2\x00:::\n:::::\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, e := range Parse(text) {
			for _, field := range []string{e.Name, e.Home, e.Shell} {
				if strings.ContainsAny(field, ":\n\x00") {
					t.Fatalf("field %q", field)
				}
			}
			if e.UID > MaxID || e.GID > MaxID {
				t.Fatalf("ids of %+v", e)
			}
			if who, ok := Login([]Entry{e}, e.Name); !ok || who.Entry != e {
				t.Fatalf("entry %+v is not found by its name: %+v, %v", e, who, ok)
			}
		}
		if n := len(ParseGroups(text)); n > bytes.Count(text, []byte("\n"))+1 {
			t.Fatalf("%d groups", n)
		}
	})
}
