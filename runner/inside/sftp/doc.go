// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package sftp serves files by the SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02), as
// OpenSSH's sftp-server does, with the extensions of OpenSSH's PROTOCOL file that its clients, scp and sshfs use.
// The files are those that the process itself can reach, and the process is what confines it.
//
// There is one call:
//
//	err := sftp.Serve(os.Stdin, os.Stdout, sftp.Config{Home: "/root"})
//
// A request is answered before the next is looked at, so a client that pipelines sees its requests take effect in
// their order, which is what OpenSSH's server promises by being so built. Data goes between the file and the
// buffers of the two streams, without another copy.
//
// It differs from OpenSSH's server on purpose in this: an open waits for no other end of a FIFO; a
// change of owner comes before one of mode, so that it does not take the set-user-ID bit away again; a
// failure's text is the system's; copy-data that meets the file's end says so even within the last 64 KiB, leaves
// holes as holes, and copies nothing from one link of a file to another; an unknown request and a malformed one are answered, not ignored or the end.
//
// Out of scope: other versions of the protocol, text mode, and byte-range locks.
package sftp
