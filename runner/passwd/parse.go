// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package passwd

import (
	"bytes"
	"strconv"
	"strings"
)

// MaxID is the largest uid or gid that Docker accepts.
const MaxID = 1<<31 - 1

// Entry is a line of passwd(5), without the password and the comment.
type Entry struct {
	Name  string
	UID   uint32
	GID   uint32
	Home  string // may be empty
	Shell string // may be empty
}

// Group is a line of group(5), without the password.
type Group struct {
	Name    string
	GID     uint32
	Members []string
}

// Parse returns the entries of a passwd file in their order.
func Parse(text []byte) []Entry {
	var entries []Entry
	for line := range bytes.Lines(text) {
		if e, ok := parseEntry(trim(line)); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

// ParseGroups returns the entries of a group file in their order.
func ParseGroups(text []byte) []Group {
	var groups []Group
	for line := range bytes.Lines(text) {
		if g, ok := parseGroup(trim(line)); ok {
			groups = append(groups, g)
		}
	}
	return groups
}

// trim leaves what counts of a line. A NUL can be in no name or path that a
// process is started with, so a line that holds one is none.
func trim(line []byte) string {
	if bytes.IndexByte(line, 0) >= 0 {
		return ""
	}
	return strings.TrimSpace(string(line))
}

// parseEntry reads name:password:uid:gid:comment:home:shell. Home and shell may
// be missing, as in files made by hand.
func parseEntry(line string) (Entry, bool) {
	fields := strings.Split(line, ":")
	if len(fields) < 4 || !plausible(fields[0]) {
		return Entry{}, false
	}
	uid, uidOK := parseID(fields[2])
	gid, gidOK := parseID(fields[3])
	if !uidOK || !gidOK {
		return Entry{}, false
	}
	fields = append(fields, "", "", "")
	return Entry{Name: fields[0], UID: uid, GID: gid, Home: fields[5], Shell: fields[6]}, true
}

// parseGroup reads name:password:gid:member,member.
func parseGroup(line string) (Group, bool) {
	fields := strings.Split(line, ":")
	if len(fields) < 3 || !plausible(fields[0]) {
		return Group{}, false
	}
	gid, ok := parseID(fields[2])
	if !ok {
		return Group{}, false
	}
	g := Group{Name: fields[0], GID: gid}
	if len(fields) > 3 && fields[3] != "" {
		g.Members = strings.Split(fields[3], ",")
	}
	return g, true
}

// plausible refuses comments and the NIS lines "+…" and "-…".
func plausible(name string) bool {
	return name != "" && !strings.ContainsAny(name[:1], "#+-")
}

// parseID reads a uid or gid: decimal digits alone, at most MaxID.
func parseID(s string) (uint32, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, 10, 31)
	return uint32(n), err == nil
}
