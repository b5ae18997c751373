// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package passwd reads the account files of a target, passwd(5) and group(5),
// and finds in them the account that a login names, in the way of docker exec
// --user.
//
// Most need Parse and Find:
//
//	entries := passwd.Parse(text)
//	entry, ok := passwd.Find(entries, "alice")
//
// The files belong to a container, so they may hold anything: a line that is no
// entry is passed over, as the C library does.
//
// Out of scope: reading the files, NSS, passwords and shadow(5). Supplementary
// groups are what starts the process's business.
package passwd
