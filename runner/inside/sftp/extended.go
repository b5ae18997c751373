// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"strings"

	"golang.org/x/sys/unix"
)

// extended are the requests of SSH_FXP_EXTENDED by name (OpenSSH's PROTOCOL file, section 4;
// draft-ietf-secsh-filexfer-extensions-00 for copy-data and home-directory).
var extended = map[string]operation{
	"posix-rename@openssh.com":       {do: (*server).posixRename},
	"statvfs@openssh.com":            {reply: (*server).statvfs},
	"fstatvfs@openssh.com":           {reply: (*server).fstatvfs},
	"hardlink@openssh.com":           {do: (*server).hardlink},
	"fsync@openssh.com":              {do: (*server).fsync},
	"lsetstat@openssh.com":           {do: (*server).lsetstat},
	"limits@openssh.com":             {reply: (*server).limits},
	"expand-path@openssh.com":        {reply: (*server).expandPath},
	"copy-data":                      {do: (*server).copyData},
	"home-directory":                 {reply: (*server).homeDirectory},
	"users-groups-by-id@openssh.com": {reply: (*server).usersGroupsByID},
}

func (s *server) fsync(f *fields) error {
	h, err := s.file(f)
	if err == statusFailure {
		err = statusNoSuchFile // which OpenSSH's server says here
	}
	if err != nil {
		return err
	}
	return retryErr(func() error { return unix.Fsync(h.fd) })
}

// limits says what one packet may hold, and how many handles there may be: descriptors that are left but for a few.
func (s *server) limits(id uint32, _ *fields) error {
	const kept = 8
	open := uint64(maxHandles)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur > kept {
		open = min(open, limit.Cur-kept)
	}
	at := s.out.begin(fxpExtendedReply, id)
	for _, n := range []uint64{maxPacket, maxData, maxData, open} {
		s.out.uint64(n)
	}
	s.out.end(at)
	return nil
}

// expandPath is realpath of a path that may begin with "~" or "~user".
func (s *server) expandPath(id uint32, f *fields) error {
	path := f.path()
	if f.bad {
		return statusBadMessage
	}
	if tilde, ok := strings.CutPrefix(path, "~"); ok {
		name, rest, _ := strings.Cut(tilde, "/")
		home, err := s.homeOf(name)
		if err != nil {
			return err
		}
		path = home + "/" + rest
	}
	return s.answerRealPath(id, path)
}

func (s *server) homeDirectory(id uint32, f *fields) error {
	name := f.path()
	if f.bad {
		return statusBadMessage
	}
	home, err := s.homeOf(name)
	if err != nil {
		return err
	}
	s.out.name(id, home)
	return nil
}

// homeOf is the home of a user; of the account itself when the name is empty or its own.
func (s *server) homeOf(name string) (string, error) {
	if name == "" || name == s.cfg.User {
		return s.cfg.Home, nil
	}
	if home, ok := readAccounts().home(name); ok {
		return home, nil
	}
	return "", unix.ENOENT
}

// usersGroupsByID answers with a name for each number, an empty one where there is none.
func (s *server) usersGroupsByID(id uint32, f *fields) error {
	uids, gids := f.bytes(), f.bytes()
	if f.bad || len(uids)%4 != 0 || len(gids)%4 != 0 {
		return statusBadMessage
	}
	who := readAccounts()
	at := s.out.begin(fxpExtendedReply, id)
	s.namesOf(uids, who.users)
	s.namesOf(gids, who.groups)
	s.out.end(at)
	return nil
}

// namesOf adds a string that holds a string for each number.
func (s *server) namesOf(ids []byte, names map[uint32]string) {
	s.out.uint32(0)
	at := len(s.out.b)
	for f := (&fields{rest: ids}); len(f.rest) > 0; {
		s.out.string(names[f.uint32()])
	}
	putUint32(s.out.b[at-4:], uint32(len(s.out.b)-at))
}
