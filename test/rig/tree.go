// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"time"
)

// tree writes a root file system as a tar stream, the same bytes each time.
// Parents are made as needed, and the first error is kept until close.
type tree struct {
	w    *tar.Writer
	made map[string]bool
	err  error
}

func newTree(w io.Writer) *tree {
	return &tree{w: tar.NewWriter(w), made: map[string]bool{"/": true}}
}

// base writes what the images with a userland have in common.
func (t *tree) base() {
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/etc", "/home", "/var"} {
		t.dir(dir, 0o755, 0, 0)
	}
	t.dir("/root", 0o700, 0, 0)
	t.dir("/home/alice", 0o755, 1000, 100)
	t.dir("/tmp", 0o1777, 0, 0)
	t.dir("/var/tmp", 0o1777, 0, 0)
	t.file("/etc/passwd", 0o644, []byte(passwd))
	t.file("/etc/group", 0o644, []byte(group))
	t.file("/etc/nsswitch.conf", 0o644, []byte("passwd: files\ngroup: files\nhosts: files dns\n"))
}

func (t *tree) dir(name string, mode int64, uid, gid int) {
	t.add(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, Uid: uid, Gid: gid}, nil)
}

func (t *tree) file(name string, mode int64, contents []byte) {
	t.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(contents))}, contents)
}

func (t *tree) symlink(name, target string) {
	t.add(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

// add writes an entry once; a later one of the same name is left out.
func (t *tree) add(header *tar.Header, contents []byte) {
	name := path.Clean(header.Name)
	if t.err != nil || t.made[name] {
		return
	}
	if parent := path.Dir(name); !t.made[parent] {
		t.dir(parent, 0o755, 0, 0)
	}
	t.made[name] = true
	header.Name, header.ModTime, header.Format = name[1:], time.Unix(0, 0), tar.FormatPAX
	if err := t.w.WriteHeader(header); err != nil {
		t.err = err
		return
	}
	_, t.err = t.w.Write(contents)
}

func (t *tree) close() error { return errors.Join(t.err, t.w.Close()) }

// digest is a short name for contents.
func digest(parts ...[]byte) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:", len(part))
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// importResult reads the engine's progress messages to the end, where an import
// that failed half-way says so.
func importResult(ref string, progress io.Reader) error {
	for decoder := json.NewDecoder(progress); ; {
		var message struct {
			Error string `json:"error"`
		}
		switch err := decoder.Decode(&message); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("importing image %q: %w", ref, err)
		case message.Error != "":
			return fmt.Errorf("importing image %q: the engine says %q", ref, message.Error)
		}
	}
}
