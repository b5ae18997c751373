// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// status is a code of SSH_FXP_STATUS (draft section 7). As an error it is that answer.
type status uint32

const (
	statusOK               status = 0
	statusEOF              status = 1
	statusNoSuchFile       status = 2
	statusPermissionDenied status = 3
	statusFailure          status = 4
	statusBadMessage       status = 5
	statusUnsupported      status = 8
)

var statusTexts = map[status]string{
	statusOK: "Success", statusEOF: "End of file", statusNoSuchFile: "No such file",
	statusPermissionDenied: "Permission denied", statusFailure: "Failure", statusBadMessage: "Bad message",
	statusUnsupported: "Operation unsupported",
}

func (s status) Error() string { return statusTexts[s] }

// statusOf is the code for an error, in OpenSSH's order of things, and its text. A failure has the
// system's text, for there are many.
func statusOf(err error) (status, string) {
	var code status
	var errno unix.Errno
	switch {
	case err == nil:
		code = statusOK
	case errors.Is(err, io.EOF):
		code = statusEOF
	case errors.As(err, &code):
	case errors.As(err, &errno):
		if code = statusOfErrno(errno); code == statusFailure {
			return code, errno.Error()
		}
	default:
		code = statusFailure
	}
	return code, code.Error()
}

func statusOfErrno(errno unix.Errno) status {
	switch errno {
	case unix.ENOENT, unix.ENOTDIR, unix.EBADF, unix.ELOOP:
		return statusNoSuchFile
	case unix.EPERM, unix.EACCES, unix.EFAULT:
		return statusPermissionDenied
	case unix.ENAMETOOLONG, unix.EINVAL:
		return statusBadMessage
	case unix.ENOSYS:
		return statusUnsupported
	}
	return statusFailure
}
