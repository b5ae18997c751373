// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"switchyard/runner/child"
	"switchyard/runner/sessions"
)

// stateWait bounds the question to the runtime for the container's state.
const stateWait = 10 * time.Second

// Config says which container it is.
type Config struct {
	// ContainerID is the container's full id. Required.
	ContainerID string
	// PID is the container's main process. Required; the caller holds it.
	PID int
	// Log gets what goes wrong behind a user's back. Nil means nobody.
	Log logrus.FieldLogger
	// Sessions keeps account of the processes, and ends them. Required.
	Sessions *sessions.Keeper
}

// Runtime starts processes in one container. Its methods may be called concurrently.
type Runtime struct {
	cfg     Config
	program program
	options []string // before its command
	cgroups bool     // it can start a process in a cgroup below the container's
	process template
	files   *workspace
	starts  sync.WaitGroup
}

// Open finds the runtime that runs a container, and asks it about that container to be sure. From then on this
// process adopts what its descendants leave behind, has the umask that Docker's processes have, and drops the
// signals that it was started to ignore (child.StartClean). The error says what is missing, without "runc". The
// caller calls Close.
func Open(ctx context.Context, c Config) (*Runtime, error) {
	if c.Log == nil {
		quiet := logrus.New()
		quiet.SetOutput(io.Discard)
		c.Log = quiet
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("the container's runtime asks for root: start the runner as root")
	}
	shim, err := findShim(c.PID)
	if err != nil {
		return nil, err
	}
	r := &Runtime{cfg: c}
	if err := r.use(ctx, shim); err != nil {
		return nil, err
	}
	if r.files, err = newWorkspace(); err != nil {
		return nil, err
	}
	if err := family.open(); err != nil {
		r.files.remove()
		return nil, err
	}
	child.StartClean()
	unix.Umask(dockerUmask)
	return r, nil
}

// dockerUmask is what dockerd sets for itself, and so for all that descends from it.
const dockerUmask = 0o022

// use learns from the shim how to call the runtime.
func (r *Runtime) use(ctx context.Context, s *shim) (err error) {
	if err := s.confinedAlike(); err != nil {
		return err
	}
	if r.program.path, err = s.program(); err != nil {
		return err
	}
	r.options = s.flags()
	state, err := r.state(ctx)
	if err != nil {
		return err
	}
	r.cgroups = r.knows(ctx, "--cgroup")
	if r.process, err = readTemplate(filepath.Join(state.Bundle, "config.json")); err != nil {
		return err
	}
	return r.process.inherit(r.cfg.PID)
}

// root is where the runtime keeps the state of its containers.
func (r *Runtime) root() string { return r.options[1] } // as shim.flags has it

// Name is the runtime's, "runc" or "crun".
func (r *Runtime) Name() string { return filepath.Base(r.program.path) }

// Close waits for the starts that nobody waits for any more, and releases the runtime. The caller has ended every
// process before.
func (r *Runtime) Close() {
	r.starts.Wait()
	family.close()
	r.files.remove()
	r.program.close()
}

// state is what a runtime says of a container (OCI runtime specification, state).
type state struct {
	ID     string `json:"id"`
	PID    int    `json:"pid"`
	Bundle string `json:"bundle"`
}

// state asks the runtime about the container.
func (r *Runtime) state(ctx context.Context) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, stateWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.program.path, append(r.options, "state", r.cfg.ContainerID)...)
	cmd.Env, cmd.Dir = environment(), "/"
	out, err := cmd.Output()
	if err != nil {
		return state{}, fmt.Errorf("%s does not know the container (%v): start the runner where it sees Docker's files, among them %q", r.Name(), err, r.root())
	}
	var s state
	if err := json.Unmarshal(out, &s); err != nil {
		return s, fmt.Errorf("%s describes the container in a form that is not known (%v)", r.Name(), err)
	}
	if s.ID != r.cfg.ContainerID || s.PID != r.cfg.PID {
		return s, fmt.Errorf("%s knows another main process of the container, %d", r.Name(), s.PID)
	}
	return s, nil
}

// knows tells whether the runtime's exec has a flag; --cgroup came with runc 1.1.
func (r *Runtime) knows(ctx context.Context, flag string) bool {
	ctx, cancel := context.WithTimeout(ctx, stateWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.program.path, "exec", "--help")
	cmd.Env, cmd.Dir = environment(), "/"
	help, err := cmd.CombinedOutput()
	return err == nil && slices.Contains(strings.FieldsFunc(string(help), func(c rune) bool { return strings.ContainsRune(" ,=\n\t", c) }), flag)
}

// environment is what the runtime itself gets.
func environment() []string { return []string{"PATH=" + os.Getenv("PATH")} }
