// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package contexts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"switchyard/client"
)

// fileName is the file's name in the directory.
const fileName = "contexts.json"

// Context is one controller and the token for it.
type Context struct {
	Name    string       `json:"name"`
	URL     string       `json:"url"`
	Token   client.Token `json:"token"`
	CA      string       `json:"ca,omitempty"`      // PEM; empty: the system's authorities
	HostCA  string       `json:"host_ca,omitempty"` // the line of the SSH host authority
	Project string       `json:"project,omitempty"` // of bare container names; empty: the controller decides
}

// File is the content of the file. The zero value is that of a user who has never logged in.
type File struct {
	Current  string    `json:"current,omitempty"` // a context's name; empty: none
	Contexts []Context `json:"contexts"`

	dir string
}

// Dir returns the directory of everything that the client keeps: switchyard in $XDG_CONFIG_HOME, or
// where the system has such files (os.UserConfigDir).
func Dir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "switchyard"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no directory for settings: %v; set XDG_CONFIG_HOME to one", err)
	}
	return filepath.Join(dir, "switchyard"), nil
}

// Load reads the file in dir. That there is none yet is no error.
func Load(dir string) (*File, error) {
	f := &File{dir: dir}
	path := filepath.Join(dir, fileName)
	b, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(b, f) != nil {
		// The parser's error can quote what it read.
		return nil, fmt.Errorf("the file %q is damaged: remove it and run \"switchyard login\" again", path)
	}
	return f, nil
}

// readPrivate reads a file that nobody else may read. The check is made on the open file.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := checkPrivate(f); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	const most = 16 << 20
	if info.Size() > most {
		return nil, fmt.Errorf("the file %q has %d bytes: %d is the most", path, info.Size(), most)
	}
	return io.ReadAll(f)
}

// Save replaces the file in its directory, both of which it makes.
func (f *File) Save() error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the contexts: %v", err)
	}
	return WritePrivate(filepath.Join(f.dir, fileName), append(b, '\n'))
}

// Find returns the context of this name, nil when there is none.
func (f *File) Find(name string) *Context {
	i := slices.IndexFunc(f.Contexts, func(c Context) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &f.Contexts[i]
}

// Get returns the context of this name, or an error that lists those there are.
func (f *File) Get(name string) (*Context, error) {
	if c := f.Find(name); c != nil {
		return c, nil
	}
	if len(f.Contexts) == 0 {
		return nil, fmt.Errorf("there is no context %q, nor any other: run \"switchyard login\"", name)
	}
	return nil, fmt.Errorf("there is no context %q: there is %s", name, strings.Join(f.Names(), ", "))
}

// Names lists the contexts' names.
func (f *File) Names() []string {
	var names []string
	for _, c := range f.Contexts {
		names = append(names, c.Name)
	}
	return names
}

// Put adds the context, or replaces that of the same name, and makes it the current one.
func (f *File) Put(c Context) {
	f.Current = c.Name
	if old := f.Find(c.Name); old != nil {
		*old = c
		return
	}
	f.Contexts = append(f.Contexts, c)
}

// Remove forgets a context. When it was the current one, there is none afterwards: a command that
// goes to another controller than the user thinks is worse than one that asks.
func (f *File) Remove(name string) error {
	if _, err := f.Get(name); err != nil {
		return err
	}
	f.Contexts = slices.DeleteFunc(f.Contexts, func(c Context) bool { return c.Name == name })
	if f.Current == name {
		f.Current = ""
	}
	return nil
}

// NameFor proposes a name for the context of endpoint: the one that it has already, else the host's,
// with a number behind it when another controller has that.
func (f *File) NameFor(endpoint client.Endpoint) string {
	for _, c := range f.Contexts {
		if c.URL == endpoint.String() {
			return c.Name
		}
	}
	base := endpoint.ContextName()
	if CheckName(base) != nil {
		base = "controller"
	}
	name := base
	for i := 2; f.Find(name) != nil; i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}

// CheckName refuses what cannot name a context. The name stands in a file's name and on ssh's command
// line, where it is quoted for a shell.
func CheckName(name string) error {
	const most = 255 - len(".known_hosts")
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
	}
	if name == "" || len(name) > most || strings.HasPrefix(name, "-") || strings.HasPrefix(name, ".") || strings.ContainsFunc(name, func(r rune) bool { return !ok(r) }) {
		return fmt.Errorf("the context name %.80q does not fit: use letters, digits, \".\", \"_\" and \"-\", with a letter or digit first", name)
	}
	return nil
}
