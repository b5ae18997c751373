// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Command engine runs a command that needs a Docker Engine.
//
//	engine [-try] -- COMMAND [ARG...]
//
// It uses the engine that DOCKER_HOST names, or the machine's own, or else
// starts a private one; the command sees its address as DOCKER_HOST. When the
// command ends, or a signal asks to, everything that was started is stopped and
// removed. The exit code is the command's, 128 and the signal's number when a
// signal ended it, and 125 when there is no engine or no such command. With -try
// the command runs even without an engine; then it has no DOCKER_HOST.
//
//	engine -serve [-remap]
//
// starts a private engine, prints its address, and stops it at the end of
// standard input or at a signal. Tests that run without the first form use it:
// however the test process ends, its end of the pipe closes. With -remap the
// engine gives containers user namespaces.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"switchyard/test/rig/dockerd"
)

const (
	exitNoEngine = 125
	startTimeout = 90 * time.Second
)

// The parent-death signals of what is started here follow the thread that
// started it, so everything starts on the main thread, which ends last.
func init() { runtime.LockOSThread() }

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(os.Args[1:], signals)
	if err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
	}
	os.Exit(code)
}

func run(args []string, signals <-chan os.Signal) (int, error) {
	switch {
	case len(args) == 1 && args[0] == "-serve":
		return serve(dockerd.Options{}, signals)
	case len(args) == 2 && args[0] == "-serve" && args[1] == "-remap":
		return serve(dockerd.Options{RemapUsers: true}, signals)
	case len(args) > 1 && args[0] == "--":
		return withEngine(args[1:], true, signals)
	case len(args) > 2 && args[0] == "-try" && args[1] == "--":
		return withEngine(args[2:], false, signals)
	}
	return 2, fmt.Errorf("usage: engine [-try] -- COMMAND [ARG...], or engine -serve [-remap]")
}

// start starts a private engine; a signal meanwhile cancels that.
func start(options dockerd.Options, signals <-chan os.Signal) (*dockerd.Daemon, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), startTimeout,
		fmt.Errorf("not ready within %v", startTimeout))
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
		}
	}()
	return dockerd.Start(ctx, options)
}

func serve(options dockerd.Options, signals <-chan os.Signal) (int, error) {
	if err := adopt(); err != nil {
		return exitNoEngine, err
	}
	daemon, err := start(options, signals)
	if err != nil {
		return exitNoEngine, err
	}
	fmt.Println(daemon.Host())
	await(daemon, signals)
	err = daemon.Stop()
	reap(daemon.PID())
	return 0, err
}

// await waits for the end of standard input, a signal, or the engine's own end.
func await(daemon *dockerd.Daemon, signals <-chan os.Signal) {
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, syscall.SIGCHLD)
	defer signal.Stop(deaths)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buf := make([]byte, 64); ; {
			if n, err := os.Stdin.Read(buf); n == 0 || err != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-deaths:
			reap(daemon.PID())
		case <-ended:
			return
		case <-signals:
			return
		case <-daemon.Exited():
			return
		}
	}
}
