// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"switchyard/sshd"
)

// template is the process of a container's OCI configuration (config.json, "process"): what the main
// process was made of. Fields that this package does not know stay as they are.
type template struct {
	fields   map[string]json.RawMessage
	env      []string
	terminal bool
}

// User is who a process runs as, by the container's numbers.
type User struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"additionalGids,omitempty"`
}

func readTemplate(file string) (template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return template{}, fmt.Errorf("the container's configuration: %v", err)
	}
	var config struct {
		Process map[string]json.RawMessage `json:"process"`
	}
	err = json.Unmarshal(text, &config)
	if err == nil && config.Process == nil {
		err = errors.New("it has no process")
	}
	t := template{fields: config.Process}
	for name, value := range map[string]any{"env": &t.env, "terminal": &t.terminal} {
		if raw := t.fields[name]; err == nil && raw != nil {
			err = json.Unmarshal(raw, value)
		}
	}
	if err != nil {
		return t, fmt.Errorf("the container's configuration %q: %v", file, err)
	}
	delete(t.fields, "consoleSize")
	return t, nil
}

// describe makes the description of a process.
func (t template) describe(c Command) ([]byte, error) {
	d := maps.Clone(t.fields)
	values := map[string]any{
		"args": c.Args, "env": t.environment(c), "cwd": c.Dir, "terminal": c.Pty != nil,
	}
	if c.User != nil {
		values["user"] = c.User
	}
	if c.Pty != nil && c.Pty.Size.Rows > 0 && c.Pty.Size.Columns > 0 {
		values["consoleSize"] = map[string]uint32{"height": c.Pty.Size.Rows, "width": c.Pty.Size.Columns}
	}
	for name, value := range values {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		d[name] = raw
	}
	return json.Marshal(d)
}

// terminalType is what Docker tells processes of their terminal, unless the container's own environment does.
const terminalType = "TERM=xterm"

// environment is the container's and the command's over it, as docker exec makes it: a main process on a
// terminal has a TERM of Docker's that others do not get.
func (t template) environment(c Command) []string {
	env := slices.Clone(t.env)
	if t.terminal && c.Pty == nil {
		env = slices.DeleteFunc(env, func(v string) bool { return v == terminalType })
	}
	if !t.terminal && c.Pty != nil && place(env, terminalType) < 0 {
		env = append(env, terminalType)
	}
	for _, variable := range c.Env {
		if i := place(env, variable); i >= 0 {
			env[i] = variable
		} else {
			env = append(env, variable)
		}
	}
	return env
}

// place finds the variable of the same name.
func place(env []string, variable string) int {
	name, _, _ := strings.Cut(variable, "=")
	return slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

// Command is a process to start.
type Command struct {
	Args []string // the program, by an absolute path, and its arguments; UTF-8
	Env  []string // "NAME=value", over the container's; UTF-8
	Dir  string   // must be a directory of the container
	User *User    // nil: the container's own
	Pty  *sshd.Pty
	// Files become the process's descriptors from 3 on. They stay the caller's, who may close them as soon as Start
	// returns. The container can use all that they lead to.
	Files []*os.File
	// Aside says that the process is no session of a user's, see sessions.Aside.
	Aside bool
}
