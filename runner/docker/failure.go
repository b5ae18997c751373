// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/moby/moby/client"

	"switchyard/runner/netns"
)

// maxMessage bounds what of an engine's words reaches a person, in bytes.
const maxMessage = 400

// fail makes the one line that a user reads out of an error.
func (t *Target) fail(doing string, err error) error {
	switch {
	case errors.Is(err, netns.ErrGone) || !t.ns.Alive():
		return t.ended()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s in container %q took too long", doing, t.name)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s in container %q was given up", doing, t.name)
	case client.IsErrConnectionFailed(err):
		return fmt.Errorf("%s in container %q: the Docker engine does not answer", doing, t.name)
	}
	return fmt.Errorf("%s in container %q: %s", doing, t.name, oneLine(err.Error()))
}

// failExec is fail for what the engine refused; it looks why.
func (t *Target) failExec(doing string, err error) error {
	if t.paused() {
		return fmt.Errorf("container %q is paused: docker unpause %s", t.name, t.info.Name)
	}
	return t.fail(doing, err)
}

func (t *Target) ended() error { return fmt.Errorf("container %q has ended", t.name) }

func (t *Target) paused() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := t.engine.ContainerInspect(ctx, t.info.ID, client.ContainerInspectOptions{})
	return err == nil && answer.Container.State != nil && answer.Container.State.Paused
}

// wrappings are what Docker, containerd and runc put around the words that say
// what is wrong.
var wrappings = []string{
	"Error response from daemon: ", "OCI runtime exec failed: ", "exec failed: ", "container_linux.go: ",
	"unable to start container process: ", "starting container process caused: ",
}

// oneLine makes a sentence of an engine's message: one bounded line without its
// wrappings and without control characters, which a container may have chosen.
func oneLine(message string) string {
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(message, "?"))
	message = strings.Join(strings.Fields(message), " ")
	message = strings.TrimSuffix(message, ": unknown")
	for trimmed := true; trimmed; {
		trimmed = false
		for _, w := range wrappings {
			if rest, ok := strings.CutPrefix(message, w); ok {
				message, trimmed = rest, true
			}
		}
	}
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return message
}
