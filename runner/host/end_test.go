// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"switchyard/sshd"
)

// answers is a script that goes on answering, to prove that it lives.
const answers = "while read x; do echo \"answer $x\" >$F; done"

func TestEndEndsTheProcessAndItsBackground(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, string) *run{"pipes": script, "terminal": terminal} {
		t.Run(name, func(t *testing.T) {
			r := begin(t, "sleep 1000 & echo $$; echo $!; wait")
			leader, child := r.pidLine(), r.pidLine()
			r.end()
			if exists(leader) {
				t.Errorf("process %d is left, or was not reaped", leader)
			}
			eventually(t, "the background process is gone", func() bool { return !running(child) })
			if got := r.exit(); got.Signal != "HUP" {
				t.Errorf("the exit is %+v, need HUP", got)
			}
			if got := r.rest(); got != "" {
				t.Errorf("after it came %q", got)
			}
		})
	}
}

// running is false for a process that waits for its parent to collect it, which End cannot make it do.
func running(pid int) bool {
	b, err := os.ReadFile("/proc/" + itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func TestEndKillsWhatSurvivesHangup(t *testing.T) {
	r := start(t, New(Config{Grace: -1}), sshd.Command{Line: "trap 'echo no' HUP; echo ready; while :; do read x; done"})
	r.expect("ready")
	r.end()
	if got := r.exit(); got.Signal != "KILL" {
		t.Errorf("the exit is %+v, need KILL", got)
	}
}

func TestWhatAProcessWritesAtItsEndIsRead(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, string) *run{"pipes": script, "terminal": terminal} {
		t.Run(name, func(t *testing.T) {
			r := begin(t, "trap 'echo last words; exit 9' HUP; echo ready; while :; do read x; done")
			r.expect("ready")
			r.end()
			r.expect("last words")
			if got := r.rest(); got != "" {
				t.Errorf("after it came %q", got)
			}
			if got := r.exit(); got.Code != 9 {
				t.Errorf("the exit is %+v, need code 9", got)
			}
		})
	}
}

func TestEndLeavesWhatWasDetachedOnPurpose(t *testing.T) {
	for name, how := range map[string]string{"nohup": "nohup", "setsid": "setsid"} {
		t.Run(name, func(t *testing.T) {
			in, out := fifo(t), fifo(t)
			t.Setenv("F", "unused")
			line := "F=" + out + " " + how + " sh -c '" + answers + "' <" + in + " >/dev/null 2>&1 & echo $!; read x"
			r := script(t, line)
			kill(t, r.pidLine())
			w, err := os.OpenFile(in, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			answered := openReader(t, out)
			io.WriteString(w, "0\n") // it runs, past what nohup and setsid do first
			expectLine(t, answered, "answer 0")
			r.end()
			io.WriteString(w, "1\n")
			expectLine(t, answered, "answer 1")
		})
	}
}

func TestEndDoesNotWaitForADetachedProcessThatHoldsTheOutput(t *testing.T) {
	r := script(t, "(trap '' HUP; echo held; exec sleep 1000) & echo $!; wait")
	pid := 0
	for range 2 {
		if l := r.line(); l != "held" {
			pid = atoi(t, l)
		}
	}
	kill(t, pid)
	r.end()
	if got := r.rest(); got != "" {
		t.Errorf("after it came %q", got)
	}
	if !running(pid) {
		t.Error("the detached process is gone")
	}
}

func TestALeaderThatIgnoresHangupIsLeftAndWaitSaysSo(t *testing.T) {
	r := script(t, "trap '' HUP; echo $$; exec sleep 1000")
	pid := r.pidLine()
	r.end()
	if !running(pid) {
		t.Error("the leader is gone")
	}
	if _, err := r.Wait(); err != sshd.ErrDetached {
		t.Errorf("Wait returned %v, need that the process was detached", err)
	}
	kill(t, pid)
}

func TestEndMayComeAnyTimeAndRepeatedly(t *testing.T) {
	r := script(t, "sleep 1000")
	var ends sync.WaitGroup
	for range 4 {
		ends.Go(r.End)
	}
	bounded(t, "all Ends", func() bool { ends.Wait(); return true })
	r.end()
	if got := r.exit(); got.Signal != "HUP" {
		t.Errorf("the exit is %+v, need HUP", got)
	}
	if _, err := r.Stdin().Write([]byte("x")); err == nil {
		t.Error("a write after the end gave no error")
	}
	if r.Resize(sshd.WindowSize{}) == nil {
		t.Error("a resize after the end gave no error")
	}
}

func TestEndReleasesAReaderAndAWriter(t *testing.T) {
	r := script(t, "kill -STOP $$")
	read := make(chan error, 1)
	go func() { _, err := r.Stdout().Read(make([]byte, 1)); read <- err }()
	wrote := make(chan error, 1)
	go func() { _, err := r.Stdin().Write(make([]byte, 1<<20)); wrote <- err }()
	r.end()
	if err := bounded(t, "the reader", func() error { return <-read }); err != io.EOF {
		t.Errorf("the reader got %v, need EOF", err)
	}
	if err := bounded(t, "the writer", func() error { return <-wrote }); err == nil {
		t.Error("the writer got no error")
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	warm := script(t, "true")
	warm.exit()
	warm.end()
	before := len(descriptors(t))
	for range 5 {
		for _, r := range []*run{script(t, "echo; sleep 1000"), terminal(t, "echo; read x"), script(t, "exit 1")} {
			r.line()
			r.end()
		}
		a := self(t)
		a.Shell = "/no/such"
		for _, c := range []sshd.Command{{Account: a}, {Account: a, Pty: &sshd.Pty{}}} {
			if _, err := target().Start(t.Context(), c); err == nil {
				t.Fatal("a missing shell was started")
			}
		}
	}
	var after []string
	defer func() {
		if t.Failed() {
			t.Logf("%d descriptors before, after: %q", before, after)
		}
	}()
	eventually(t, "there are as many descriptors as before", func() bool { after = descriptors(t); return len(after) <= before })
}
