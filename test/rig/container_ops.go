// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// do makes one request to the engine and fails the test when it fails.
func (c *Container) do(tb testing.TB, what string, request func(context.Context, *client.Client) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	if err := request(ctx, c.engine.client); err != nil {
		tb.Fatalf("%s container %q: %v", what, c.Name, err)
	}
}

// Start starts the container, or starts it again.
func (c *Container) Start(tb testing.TB) {
	tb.Helper()
	c.do(tb, "starting", func(ctx context.Context, cli *client.Client) error {
		_, err := cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
		return err
	})
}

// Stop stops the container, at once.
func (c *Container) Stop(tb testing.TB) {
	tb.Helper()
	c.do(tb, "stopping", func(ctx context.Context, cli *client.Client) error {
		_, err := cli.ContainerStop(ctx, c.ID, client.ContainerStopOptions{})
		return err
	})
}

// Kill sends the main process a signal, such as "SIGTERM".
func (c *Container) Kill(tb testing.TB, signal string) {
	tb.Helper()
	c.do(tb, "signalling", func(ctx context.Context, cli *client.Client) error {
		_, err := cli.ContainerKill(ctx, c.ID, client.ContainerKillOptions{Signal: signal})
		return err
	})
}

// Remove removes the container, running or not. Removed already is fine.
func (c *Container) Remove(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	_, err := c.engine.client.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) {
		tb.Errorf("removing container %q: %v", c.Name, err)
	}
}

// Wait waits until the container has ended and returns its exit code.
func (c *Container) Wait(tb testing.TB) int {
	tb.Helper()
	var code int64
	c.do(tb, "waiting for", func(ctx context.Context, cli *client.Client) error {
		wait := cli.ContainerWait(ctx, c.ID, client.ContainerWaitOptions{})
		select {
		case answer := <-wait.Result:
			code = answer.StatusCode
			return nil
		case err := <-wait.Error:
			return err
		}
	})
	return int(code)
}

// Inspect returns what the engine knows of the container.
func (c *Container) Inspect(tb testing.TB) container.InspectResponse {
	tb.Helper()
	var inspected container.InspectResponse
	c.do(tb, "inspecting", func(ctx context.Context, cli *client.Client) error {
		answer, err := cli.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
		inspected = answer.Container
		return err
	})
	return inspected
}

// PID is the main process's number on this machine; 0 when it does not run.
func (c *Container) PID(tb testing.TB) int {
	tb.Helper()
	return c.Inspect(tb).State.Pid
}

// Execs lists the exec instances that are running in the container.
func (c *Container) Execs(tb testing.TB) []string {
	tb.Helper()
	return c.Inspect(tb).ExecIDs
}

// Processes lists the processes in the container's PID namespace, the main one
// included, as this machine sees them. The engine must run on this machine.
func (c *Container) Processes(tb testing.TB) []Process {
	tb.Helper()
	namespace, err := os.Readlink("/proc/" + strconv.Itoa(c.PID(tb)) + "/ns/pid")
	if err != nil {
		tb.Fatalf("finding the PID namespace of container %q: %v", c.Name, err)
	}
	return Processes(func(p Process) bool { return p.PIDNamespace == namespace })
}

// Logs is what the main process has written so far, both streams.
func (c *Container) Logs(tb testing.TB) string {
	tb.Helper()
	var both bytes.Buffer
	c.do(tb, "reading the log of", func(ctx context.Context, cli *client.Client) error {
		log, err := cli.ContainerLogs(ctx, c.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
		if err != nil {
			return err
		}
		defer log.Close()
		_, err = stdcopy.StdCopy(&both, &both, log)
		return err
	})
	return both.String()
}

// Result is what a finished command left.
type Result struct {
	Stdout, Stderr string
	ExitCode       int
}

// Exec runs a command in the container as its default user, and waits for it.
func (c *Container) Exec(tb testing.TB, command ...string) Result {
	tb.Helper()
	return c.ExecWith(tb, client.ExecCreateOptions{Cmd: command}, nil)
}

// Shell is Exec of "sh -c script" that must exit 0; it returns the trimmed output.
func (c *Container) Shell(tb testing.TB, script string) string {
	tb.Helper()
	result := c.Exec(tb, "sh", "-c", script)
	if result.ExitCode != 0 {
		tb.Fatalf("running %q in container %q: exit code %d, stderr %q", script, c.Name, result.ExitCode, result.Stderr)
	}
	return strings.TrimSpace(result.Stdout)
}

// ExecWith runs a command with options (user, environment, directory; the
// streams are attached here) and with stdin, which may be nil and must end.
func (c *Container) ExecWith(tb testing.TB, options client.ExecCreateOptions, stdin io.Reader) (result Result) {
	tb.Helper()
	options.AttachStdout, options.AttachStderr, options.AttachStdin = true, true, stdin != nil
	c.do(tb, "running a command in", func(ctx context.Context, cli *client.Client) error {
		created, err := cli.ExecCreate(ctx, c.ID, options)
		if err != nil {
			return err
		}
		if err := result.attach(ctx, cli, created.ID, stdin); err != nil {
			return err
		}
		inspected, err := cli.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
		result.ExitCode = inspected.ExitCode
		return err
	})
	return result
}

// attach starts the exec instance and copies its streams to their ends.
func (r *Result) attach(ctx context.Context, cli *client.Client, exec string, stdin io.Reader) error {
	attached, err := cli.ExecAttach(ctx, exec, client.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer attached.Close()
	written := make(chan struct{})
	go func() {
		defer close(written)
		if stdin != nil {
			_, _ = io.Copy(attached.Conn, stdin)
			_ = attached.CloseWrite()
		}
	}()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	var stdout, stderr bytes.Buffer
	_, err = stdcopy.StdCopy(&stdout, &stderr, attached.Reader)
	attached.Close()
	<-written
	r.Stdout, r.Stderr = stdout.String(), stderr.String()
	return err
}
