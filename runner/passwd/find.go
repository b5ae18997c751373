// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package passwd

import (
	"strconv"
	"strings"
)

// Who is the account that a user string means.
type Who struct {
	Entry
	// Listed says that passwd has an entry for it; else only UID and GID are
	// known, and Name is the uid in decimal.
	Listed bool
	// User is the same user in the form that Docker's --user takes, with any
	// number in canonical decimal. A name stays a name, so that its
	// supplementary groups are found.
	User string
}

// Find returns the first entry whose name is user or, where user is a number,
// whose uid it is, whichever comes first in the file: so does docker exec.
func Find(entries []Entry, user string) (Entry, bool) {
	uid, numeric := parseID(user)
	for _, e := range entries {
		if e.Name == user || numeric && e.UID == uid {
			return e, true
		}
	}
	return Entry{}, false
}

// FindGroup is Find for groups.
func FindGroup(groups []Group, group string) (Group, bool) {
	gid, numeric := parseID(group)
	for _, g := range groups {
		if g.Name == group || numeric && g.GID == gid {
			return g, true
		}
	}
	return Group{}, false
}

// GroupID is the gid of a group that is named, or given as a number, which needs no entry.
func GroupID(groups []Group, group string) (uint32, bool) {
	if g, ok := FindGroup(groups, group); ok {
		return g.GID, true
	}
	return parseID(group)
}

// Login resolves what a person may log in as: a name, a uid, or uid:gid. A uid
// without an entry has gid 0, as with docker exec. It is false for everything
// else, among it name:group, which would let a login that is allowed by its
// name choose its group.
func Login(entries []Entry, login string) (Who, bool) {
	user, group, colon := strings.Cut(login, ":")
	if !colon {
		return resolve(entries, user)
	}
	gid, ok := parseID(group)
	if _, numeric := parseID(user); !ok || !numeric {
		return Who{}, false
	}
	return withGroup(entries, user, gid)
}

// Default resolves a container's own user, as its configuration states it:
// empty for uid 0, else user or user:group, each a name or a number.
func Default(entries []Entry, groups []Group, user string) (Who, bool) {
	if user == "" {
		who, _ := resolve(entries, "0")
		who.User = ""
		return who, true
	}
	name, group, _ := strings.Cut(user, ":")
	if name == "" {
		name = "0" // ":group" is root with another group
	}
	if group == "" {
		return resolve(entries, name)
	}
	if gid, ok := GroupID(groups, group); ok {
		return withGroup(entries, name, gid)
	}
	return Who{}, false
}

func resolve(entries []Entry, user string) (Who, bool) {
	uid, numeric := parseID(user)
	canonical := user
	if numeric {
		canonical = strconv.FormatUint(uint64(uid), 10)
	}
	if e, ok := Find(entries, user); ok {
		if e.Name == user {
			canonical = user // a name may look like a number
		}
		return Who{Entry: e, Listed: true, User: canonical}, true
	}
	if !numeric {
		return Who{}, false
	}
	return Who{Entry: Entry{Name: canonical, UID: uid}, User: canonical}, true
}

func withGroup(entries []Entry, user string, gid uint32) (Who, bool) {
	who, ok := resolve(entries, user)
	who.GID = gid
	who.User += ":" + strconv.FormatUint(uint64(gid), 10)
	return who, ok
}
