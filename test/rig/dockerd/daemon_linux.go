// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopGrace is how long dockerd may take to stop its containers and itself.
const stopGrace = 20 * time.Second

// Daemon is a running private engine. Its methods may be called concurrently.
type Daemon struct {
	dir     *directory
	process *os.Process
	exited  chan struct{} // closed when dockerd has been waited for
	exitErr error         // valid once exited is closed
}

// Options say what engine it shall be. The zero value is one by dockerd's own
// defaults.
type Options struct {
	// RemapUsers gives containers user namespaces (dockerd --userns-remap), in
	// which root is RemappedRoot of the machine.
	RemapUsers bool
}

// Start starts an engine and returns when it answers. The context bounds the
// start only; the engine runs until Stop, or until this process dies.
// It needs root, and dockerd in PATH.
func Start(ctx context.Context, options Options) (*Daemon, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("starting a private Docker engine: only root can; be root, set DOCKER_HOST, or test without one (make unit)")
	}
	sweep()
	dir, err := newDirectory()
	if err != nil {
		return nil, err
	}
	d := &Daemon{dir: dir, exited: make(chan struct{})}
	if err := d.launch(options); err != nil {
		dir.remove()
		return nil, err
	}
	if err := d.waitReady(ctx); err != nil {
		_ = d.Stop()
		return nil, err
	}
	return d, nil
}

// Host is the engine's address as DOCKER_HOST takes it.
func (d *Daemon) Host() string { return "unix://" + d.dir.socket() }

// Dir is the directory that holds everything of the engine.
func (d *Daemon) Dir() string { return d.dir.path }

// PID is dockerd's.
func (d *Daemon) PID() int { return d.process.Pid }

// Exited is closed when dockerd has ended, on its own or through Stop.
func (d *Daemon) Exited() <-chan struct{} { return d.exited }

// Stop stops the containers and the engine, and removes its directory. What
// does not end in time is killed. A second call does nothing.
func (d *Daemon) Stop() error {
	_ = d.process.Signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(stopGrace):
		_ = d.process.Kill()
		<-d.exited
	}
	killMentioning(d.dir.path)
	return d.dir.remove()
}

// launch starts dockerd in new namespaces, from a thread that is not used for
// anything else and ends with it.
func (d *Daemon) launch(options Options) error {
	started := make(chan error)
	go func() {
		cmd, err := startIsolated(d.dir, options)
		if err == nil {
			d.process = cmd.Process
		}
		started <- err
		if err == nil {
			d.exitErr = cmd.Wait()
			close(d.exited)
		}
	}()
	return <-started
}

func (d *Daemon) waitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if answers(ctx, d.dir.socket()) {
			return nil
		}
		select {
		case <-tick.C:
		case <-d.exited:
			return fmt.Errorf("starting a private Docker engine: dockerd ended (%v); its log ends:\n%s", d.exitErr, d.dir.logTail())
		case <-ctx.Done():
			return fmt.Errorf("starting a private Docker engine: no answer (%v); its log ends:\n%s", context.Cause(ctx), d.dir.logTail())
		}
	}
}

// command is dockerd's command line. It reads no configuration of the machine.
func command(dir *directory, extra ...string) *exec.Cmd {
	args := []string{
		"--config-file", dir.file("daemon.json"),
		"--host", "unix://" + dir.socket(),
		"--data-root", dir.file("data"),
		"--exec-root", dir.file("exec"),
		"--pidfile", dir.file("dockerd.pid"),
		"--exec-opt", "native.cgroupdriver=cgroupfs",
		"--shutdown-timeout", "2",
		"--log-level", "warn",
	}
	cmd := exec.Command("dockerd", append(args, extra...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return cmd
}
