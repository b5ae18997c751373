// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// passwd and group are the logins of the images, see Busybox. Every home but
// alice's and root's, and carol's shell, are absent on purpose.
const (
	passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
alice:x:1000:100:Alice:/home/alice:/bin/sh
bob:x:1001:100:Bob:/home/bob:/bin/sh
carol:x:1002:100:Carol:/home/alice:/bin/no-such-shell
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`
	group = `root:x:0:
daemon:x:1:
tty:x:5:
users:x:100:
staff:x:2000:alice,carol
nogroup:x:65534:
`
)

// busybox finds the program once: its path, its contents, its applets.
var busybox = sync.OnceValues(func() (*busyboxProgram, error) {
	path, err := findTool("busybox")
	if err != nil {
		return nil, fmt.Errorf("busybox is not installed: run scripts/prereqs test")
	}
	if err := mustBeStatic(path); err != nil {
		return nil, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := exec.Command(path, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("asking %q for its applets: %w", path, err)
	}
	return &busyboxProgram{program, strings.Fields(string(list))}, nil
})

type busyboxProgram struct {
	program []byte
	applets []string
}

// mustBeStatic refuses a busybox that would need libraries the image lacks.
func mustBeStatic(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	defer file.Close()
	if libraries, _ := file.ImportedLibraries(); len(libraries) > 0 {
		return fmt.Errorf("%q is not static: install busybox-static", path)
	}
	return nil
}

// keyOfTar is the key of an image whose whole contents are cheap to make.
func keyOfTar(write func(io.Writer) error) func() (string, error) {
	return func() (string, error) {
		var all bytes.Buffer
		if err := write(&all); err != nil {
			return "", err
		}
		return digest(all.Bytes()), nil
	}
}

func busyboxTar(w io.Writer) error {
	b, err := busybox()
	if err != nil {
		return err
	}
	t := newTree(w)
	t.base()
	t.dir("/bin", 0o755, 0, 0)
	t.dir("/usr/local/bin", 0o755, 0, 0)
	t.file("/bin/busybox", 0o755, b.program)
	for _, applet := range b.applets {
		if applet != "busybox" {
			t.symlink("/bin/"+applet, "busybox")
		}
	}
	return t.close()
}

// scratchTar holds busybox under the name of the one applet that it shall be.
func scratchTar(w io.Writer) error {
	b, err := busybox()
	if err != nil {
		return err
	}
	t := newTree(w)
	t.file("/sleep", 0o755, b.program)
	return t.close()
}
