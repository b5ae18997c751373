// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import "golang.org/x/sys/unix"

// Flags of attributes (draft section 5).
const (
	attrSize        = 0x00000001
	attrUIDGID      = 0x00000002
	attrPermissions = 0x00000004
	attrTimes       = 0x00000008
	attrExtended    = 0x80000000
)

// permissions are the bits of a mode that chmod(2) sets.
const permissions = 0o7777

// attrs are a file's attributes; flags say which are there.
type attrs struct {
	flags        uint32
	size         uint64
	uid, gid     uint32
	mode         uint32 // as st_mode, with the file's type
	atime, mtime uint32 // seconds
}

func (f *fields) attrs() (a attrs) {
	a.flags = f.uint32()
	if a.has(attrSize) {
		a.size = f.uint64()
	}
	if a.has(attrUIDGID) {
		a.uid, a.gid = f.uint32(), f.uint32()
	}
	if a.has(attrPermissions) {
		a.mode = f.uint32()
	}
	if a.has(attrTimes) {
		a.atime, a.mtime = f.uint32(), f.uint32()
	}
	if a.has(attrExtended) {
		for n := f.uint32(); n > 0 && !f.bad; n-- {
			f.bytes()
			f.bytes()
		}
	}
	return a
}

func (a attrs) has(flag uint32) bool { return a.flags&flag != 0 }

// modeOr is the mode for a new file.
func (a attrs) modeOr(standard uint32) uint32 {
	if a.has(attrPermissions) {
		return a.mode & permissions
	}
	return standard
}

func attrsOf(st *unix.Stat_t) attrs {
	return attrs{
		flags: attrSize | attrUIDGID | attrPermissions | attrTimes,
		size:  uint64(st.Size), uid: st.Uid, gid: st.Gid, mode: st.Mode,
		atime: uint32(st.Atim.Sec), mtime: uint32(st.Mtim.Sec),
	}
}

func (r *replies) attrs(a attrs) {
	r.uint32(a.flags)
	if a.has(attrSize) {
		r.uint64(a.size)
	}
	if a.has(attrUIDGID) {
		r.uint32(a.uid)
		r.uint32(a.gid)
	}
	if a.has(attrPermissions) {
		r.uint32(a.mode)
	}
	if a.has(attrTimes) {
		r.uint32(a.atime)
		r.uint32(a.mtime)
	}
}
