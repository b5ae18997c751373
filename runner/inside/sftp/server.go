// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"errors"
	"fmt"
	"io"
)

// Config is what a server needs to know beside its streams. The zero value works.
type Config struct {
	// Home is the account's home directory, which "~" means to expand-path. Empty: /.
	Home string
	// User is the account's name. Empty: none.
	User string
}

// server serves one client.
type server struct {
	cfg     Config
	in      *requests
	out     *replies
	handles handles
	begun   bool // SSH_FXP_INIT has come
}

// Serve serves a client until from ends, and then closes what the client left open. Names that do not begin
// with a slash begin at the process's directory. The error is nil at an end between two packets.
//
// A read of from may return less than was asked for, but must not wait while it has something.
func Serve(from io.Reader, to io.Writer, c Config) error {
	if c.Home == "" {
		c.Home = "/"
	}
	s := &server{cfg: c, in: newRequests(from), out: &replies{to: to}}
	defer s.handles.closeAll()
	for {
		if err := s.answerAll(); err != nil {
			return errors.Join(err, s.out.flush())
		}
		if err := s.out.flush(); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
		if err := s.in.read(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
	}
}

// answerAll answers the requests that have come whole.
func (s *server) answerAll() error {
	for {
		packet, whole, err := s.in.next()
		if err != nil || !whole {
			return err
		}
		if err := s.answer(&fields{rest: packet}); err != nil {
			return err
		}
		if len(s.out.b) >= flushAt {
			if err := s.out.flush(); err != nil {
				return err
			}
		}
	}
}

// operation is what a request does. Only one of the two is set.
type operation struct {
	// do is one whose only answer is its status.
	do func(*server, *fields) error
	// reply is one that writes an answer of its own, if it returns no error.
	reply func(*server, uint32, *fields) error
}

var operations = [256]operation{
	fxpOpen:     {reply: (*server).open},
	fxpClose:    {do: (*server).close},
	fxpRead:     {reply: (*server).read},
	fxpWrite:    {do: (*server).write},
	fxpLstat:    {reply: (*server).lstat},
	fxpFstat:    {reply: (*server).fstat},
	fxpSetstat:  {do: (*server).setstat},
	fxpFsetstat: {do: (*server).fsetstat},
	fxpOpendir:  {reply: (*server).opendir},
	fxpReaddir:  {reply: (*server).readdir},
	fxpRemove:   {do: (*server).remove},
	fxpMkdir:    {do: (*server).mkdir},
	fxpRmdir:    {do: (*server).rmdir},
	fxpRealpath: {reply: (*server).realpath},
	fxpStat:     {reply: (*server).stat},
	fxpRename:   {do: (*server).rename},
	fxpReadlink: {reply: (*server).readlink},
	fxpSymlink:  {do: (*server).symlink},
}

// answer answers one packet. The error is one after which nothing can follow.
func (s *server) answer(f *fields) error {
	kind := f.uint8()
	if kind == fxpInit {
		s.begun = true
		s.out.version()
		return nil
	}
	id := f.uint32()
	if f.bad || !s.begun {
		return fmt.Errorf("a packet of type %d came that cannot be answered", kind)
	}
	op := operations[kind]
	if kind == fxpExtended {
		op = extended[f.string()]
	}
	s.run(op, id, f)
	return nil
}

func (s *server) run(op operation, id uint32, f *fields) {
	at := len(s.out.b)
	var err error
	switch {
	case op.do != nil:
		err = op.do(s, f)
	case op.reply != nil:
		if err = op.reply(s, id, f); err == nil {
			return
		}
	default:
		err = statusUnsupported
	}
	s.out.drop(at)
	s.out.status(id, err)
}
