// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"switchyard/runner/sessions"
	"switchyard/sshd"
)

const (
	// abandonWait bounds how long a start that was given up is followed, to end
	// what the engine may still start.
	abandonWait = 30 * time.Second
	// createWait bounds the engine's making of an exec instance.
	createWait = 30 * time.Second
	// wordsWait bounds the wait for the engine's words on a failed start.
	wordsWait = 2 * time.Second
)

// engineExec starts processes by docker exec, through the engine.
type engineExec struct{ *Target }

// needsStop implements starter: see gate.go.
func (engineExec) needsStop(*sshd.Pty) bool { return true }

func (engineExec) close() {}

// start implements starter. The output is read from the engine from
// then on, at most 256 KiB of each stream ahead of the reader.
func (t engineExec) start(ctx context.Context, j job) (sshd.Process, error) {
	p, err := t.launch(ctx, j)
	if err != nil {
		return nil, err
	}
	if err := p.prepare(ctx, j); err != nil {
		t.cleanups.Go(p.End)
		return nil, t.failExec("preparing a process", err)
	}
	return p, nil
}

// launch starts a process up to its gate.
func (t engineExec) launch(ctx context.Context, j job) (*process, error) {
	id, err := t.create(ctx, j)
	if err != nil {
		return nil, t.failExec("starting a process", err)
	}
	s := t.sessions.Begin("docker")
	s.SetInstance(id)
	p, err := t.attach(ctx, id, s, j.pty)
	if err != nil {
		s.Failed()
		return nil, t.failExec("starting a process", err)
	}
	go p.follow()
	return p, nil
}

// create makes an exec instance. When ctx ends first, the request goes on in the background: the engine makes
// the instance whether or not anybody waits for its answer, and only the answer names what is to be cleared up.
func (t engineExec) create(ctx context.Context, j job) (id string, err error) {
	type answer struct {
		id  string
		err error
	}
	created := make(chan answer)
	t.cleanups.Go(func() {
		bounded, cancel := context.WithTimeout(context.Background(), createWait)
		defer cancel()
		made, err := t.engine.ExecCreate(bounded, t.info.ID, execOptions(j))
		select {
		case created <- answer{made.ID, err}:
		case <-ctx.Done():
			if err == nil {
				t.abandon(made.ID)
			}
		}
	})
	select {
	case a := <-created:
		return a.id, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// attach starts an instance and takes hold of its process.
func (t engineExec) attach(ctx context.Context, id string, s *sessions.Session, pty *sshd.Pty) (*process, error) {
	attached, err := t.engine.ExecAttach(ctx, id, attachOptions(pty))
	if err != nil {
		t.cleanups.Go(func() { t.abandon(id) })
		return nil, err
	}
	p := t.newProcess(id, attached.HijackedResponse, pty != nil)
	p.session = s
	p.leader, err = t.findLeader(ctx, p.id, p.drained)
	if err != nil {
		return nil, p.notStarted(ctx, err)
	}
	return p, nil
}

func execOptions(j job) client.ExecCreateOptions {
	return client.ExecCreateOptions{
		User: j.user, Env: j.env, WorkingDir: j.dir, Cmd: j.args,
		AttachStdout: true, AttachStderr: true, AttachStdin: j.pty == nil, TTY: j.pty != nil,
	}
}

func attachOptions(pty *sshd.Pty) client.ExecAttachOptions {
	options := client.ExecAttachOptions{TTY: pty != nil}
	if pty != nil {
		// For a process without a gate; with one, the size is set exactly.
		options.ConsoleSize = client.ConsoleSize{Height: uint(pty.Size.Rows), Width: uint(pty.Size.Columns)}
	}
	return options
}

// notStarted sees to it that nothing of a failed start goes on, and makes the
// cause of what the engine wrote in the place of output.
func (p *process) notStarted(ctx context.Context, err error) error {
	if !errors.Is(err, errNotStarted) {
		p.disconnect()
		p.target.cleanups.Go(func() { p.target.abandon(p.id) })
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wordsWait)
	defer cancel()
	select {
	case <-p.drained:
	case <-ctx.Done():
	}
	p.connection.Close()
	<-p.drained
	words, _ := io.ReadAll(io.LimitReader(p.stdout, 4*maxMessage))
	p.disconnect()
	if len(words) > 0 {
		err = errors.New(string(words))
	}
	return err
}

// abandon ends what the engine makes of a start that was given up. An instance
// that was made but never started would stay with the container for good, so it
// is started; if it was before, that is refused and changes nothing.
func (t *Target) abandon(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), abandonWait)
	defer cancel()
	_, _ = t.engine.ExecStart(ctx, id, client.ExecStartOptions{Detach: true})
	leader, err := t.findLeader(ctx, id, nil)
	if errors.Is(err, errNotStarted) || err == nil && leader == nil {
		return
	}
	if err == nil {
		defer leader.Close()
		err = leader.End(t.grace)
	}
	if err == nil {
		_, err = t.exitCode(ctx, id)
	}
	if err != nil && t.ns.Alive() {
		t.log.WithError(err).Warnf("ending exec instance %.12s, whose start was given up", id)
	}
}

// closed says whether a channel that carries nothing has been closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// isGone says that a process, or its entry in /proc, was there no more. A file there
// that was opened before the process ended cannot be read after (ESRCH).
func isGone(err error) bool {
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
}
