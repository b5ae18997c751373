// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/term"

	"switchyard/test/rig"
	"switchyard/test/rig/dockerd"
)

// commandGrace is how long a command may take to end after a signal.
const commandGrace = 15 * time.Second

func withEngine(command []string, required bool, signals <-chan os.Signal) (code int, err error) {
	if _, err := exec.LookPath(command[0]); err != nil {
		return exitNoEngine, err
	}
	host := dockerd.Find(context.Background())
	if host == "" {
		daemon, err := start(dockerd.Options{}, signals)
		if err != nil && required {
			return exitNoEngine, err
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "engine: going on without:", err)
			return supervise(command, []string{"DOCKER_HOST="}, signals)
		}
		defer func() { err = errors.Join(err, daemon.Stop()) }()
		host = daemon.Host()
	}
	run := strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	defer func() { err = errors.Join(err, removeContainers(host, run)) }()
	return supervise(command, []string{"DOCKER_HOST=" + host, rig.RunVariable + "=" + run}, signals)
}

// supervise runs the command to its end, passing signals on. Without a terminal
// the command gets a process group of its own, so that a signal reaches its
// children too; on a terminal the kernel does that.
func supervise(command, env []string, signals <-chan os.Signal) (int, error) {
	group := !term.IsTerminal(int(os.Stdin.Fd()))
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: group, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return exitNoEngine, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	pass(cmd.Process.Pid, group, signals, ended)
	return exitCode(cmd.ProcessState), nil
}

// pass forwards signals until the command has ended. The first signal starts
// the grace; a second one, or the end of the grace, kills. An interrupt from the
// terminal is the command's own affair, as under a shell: it got it already.
func pass(pid int, group bool, signals <-chan os.Signal, ended <-chan struct{}) {
	target := pid
	if group {
		target = -pid
	}
	var grace <-chan time.Time
	for {
		select {
		case <-ended:
			return
		case <-grace:
			_ = syscall.Kill(target, syscall.SIGKILL)
		case sig := <-signals:
			if sig == syscall.SIGINT && !group {
				continue
			}
			if grace != nil {
				sig = syscall.SIGKILL
			}
			grace = time.After(commandGrace)
			_ = syscall.Kill(target, sig.(syscall.Signal))
		}
	}
}

func exitCode(state *os.ProcessState) int {
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// removeContainers removes what tests of this run left, which only happens when
// a test process was killed. On a private engine it makes the stop faster.
func removeContainers(host, run string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cli, err := dockerd.Client(host)
	if err != nil {
		return err
	}
	defer cli.Close()
	left, err := cli.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", rig.RunLabel+"="+run),
	})
	if err != nil {
		return fmt.Errorf("looking for containers that tests left: %w", err)
	}
	for _, c := range left.Items {
		_, _ = cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	}
	return nil
}
