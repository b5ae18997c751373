// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// privateEngine is an engine that a child process, cmd/engine -serve, keeps as
// long as the pipe to its standard input is open. So the engine ends with this
// process, however that ends, and everything of it is removed.
type privateEngine struct {
	host  string
	cmd   *exec.Cmd
	stdin io.Closer
}

// startPrivate starts one, with flags for cmd/engine, and returns its address.
func startPrivate(flags ...string) (host string, engine *privateEngine, err error) {
	if os.Geteuid() != 0 {
		return "", nil, errors.New("only root can start a private one")
	}
	if _, err := findTool("dockerd"); err != nil {
		return "", nil, errors.New("dockerd, for a private one, is not installed: run scripts/prereqs test")
	}
	dir, err := os.MkdirTemp("", "swy-rig-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(dir) // a program that runs needs its file no more
	engine, err = buildAndServe(dir, flags)
	if err != nil {
		return "", nil, err
	}
	return engine.host, engine, nil
}

func buildAndServe(dir string, flags []string) (*privateEngine, error) {
	program := filepath.Join(dir, "engine")
	build := exec.Command("go", "build", "-o", program, "switchyard/test/rig/cmd/engine")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the command that keeps an engine: %v\n%s", err, out)
	}
	cmd := exec.Command(program, append([]string{"-serve"}, flags...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	host, _ := bufio.NewReader(stdout).ReadString('\n')
	if host = strings.TrimSpace(host); host == "" {
		stdin.Close()
		return nil, fmt.Errorf("%v: %s", cmd.Wait(), stderr.String())
	}
	return &privateEngine{host: host, cmd: cmd, stdin: stdin}, nil
}

// stop returns when the engine has ended and nothing of it is left.
func (p *privateEngine) stop() error {
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("stopping the private Docker engine: %w", err)
	}
	return nil
}
