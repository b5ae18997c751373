// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// closure collects the loaders and shared libraries that programs need, and
// what those need in turn (ld.so(8), without run paths, which Debian's own
// programs do not use).
type closure struct {
	// found maps a path at which a program looks to where this machine has it.
	found map[string]string
	dirs  []string
}

func newClosure() *closure {
	dirs, _ := filepath.Glob("/usr/lib/*-linux-gnu*")
	return &closure{found: map[string]string{}, dirs: append(dirs, "/usr/lib", "/lib64", "/lib")}
}

func (c *closure) names() []string { return slices.Sorted(maps.Keys(c.found)) }

// add adds what the file needs; one that is no ELF file needs nothing.
func (c *closure) add(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	if loader := interpreter(file); loader != "" {
		if err := c.need(loader, loader); err != nil {
			return err
		}
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("reading the needs of %q: %w", path, err)
	}
	for _, library := range libraries {
		if err := c.library(library, path); err != nil {
			return err
		}
	}
	return nil
}

func (c *closure) library(name, of string) error {
	for _, dir := range c.dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return c.need(path, path)
		}
	}
	return fmt.Errorf("library %q, which %q needs, is not below %q", name, of, c.dirs)
}

func (c *closure) need(name, path string) error {
	if _, ok := c.found[name]; ok {
		return nil
	}
	c.found[name] = path
	return c.add(path)
}

// interpreter is the loader that a program names, in PT_INTERP (elf(5)).
func interpreter(file *elf.File) string {
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			name, _ := io.ReadAll(segment.Open())
			return string(bytes.TrimRight(name, "\x00"))
		}
	}
	return ""
}
