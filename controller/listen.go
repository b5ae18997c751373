// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// unixPrefix begins the form of an address that is a unix socket's.
const unixPrefix = "unix://"

// Listen opens a listener for each address: "host:port", or "unix:///path" for a socket that only its
// owner may use. When one cannot be opened, none is. Closing a unix listener removes its socket.
func Listen(addresses []string) ([]net.Listener, error) {
	var all []net.Listener
	for _, address := range addresses {
		l, err := listen(address)
		if err != nil {
			for _, open := range all {
				open.Close()
			}
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// CheckAddress refuses what Listen can never listen on. It opens nothing.
func CheckAddress(address string) error {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("listening on %q: the path must begin with /, as in unix:///run/switchyard.sock", address)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return fmt.Errorf("listening on %q: give \"host:port\" or \"unix:///path\"", address)
	}
	return nil
}

func listen(address string) (net.Listener, error) {
	if err := CheckAddress(address); err != nil { // net.Listen would take any port for some
		return nil, err
	}
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		l, err := listenUnix(path)
		if err != nil {
			return nil, fmt.Errorf("listening on %q: %w", address, err)
		}
		return l, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", address, err)
	}
	return l, nil
}

// unixListener removes its socket when it is closed, unless another has taken the place.
type unixListener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

// Addr is the socket's place, and not where it was bound.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.made) {
		os.Remove(l.path)
	}
	return l.UnixListener.Close()
}

// listenUnix makes a socket of mode 0600. bind(2) makes one whose mode is left to the umask, which is the
// whole process's; so the socket is bound in a directory that is ours alone, closed to others there, and
// then moved into place, which also replaces a stale one in the same instant.
func listenUnix(path string) (net.Listener, error) {
	if err := checkStale(path); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".swy") // of mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	bound := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: bound, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it would remove the name it was bound to
	made, err := moveSocket(bound, path)
	if err != nil {
		l.Close()
		return nil, err
	}
	return &unixListener{UnixListener: l, path: path, made: made}, nil
}

func moveSocket(from, to string) (fs.FileInfo, error) {
	if err := os.Chmod(from, 0o600); err != nil {
		return nil, err
	}
	made, err := os.Lstat(from)
	if err != nil {
		return nil, err
	}
	return made, os.Rename(from, to)
}

// checkStale refuses a path at which there is something other than a socket that nobody listens on.
func checkStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%q is there and is not a socket: remove it, or choose another path", path)
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("%q is in use by another process: stop that one, or choose another path", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil // whoever made it is gone
	}
	return fmt.Errorf("%q is there and cannot be tried: %w", path, err)
}
