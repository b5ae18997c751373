// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestSshdLetsInWithItsKeyAndEndsWithItsConnections(t *testing.T) {
	ssh := NeedSSH(t)
	var connection *exec.Cmd
	var server *SSHServer
	t.Run("running", func(t *testing.T) {
		server = Sshd(t, SshdOptions{Config: []string{"SetEnv RIG=here"}})
		out, err := exec.Command(ssh, append(server.ClientArgs(), "echo $RIG; exit 0")...).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "here" {
			t.Fatalf("ssh says %q (%v); the log:\n%s", out, err, server.Log())
		}
		connection = exec.Command(ssh, append(server.ClientArgs(), "echo ready; sleep 1000")...)
		stdout, err := connection.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := connection.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := stdout.Read(make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
	})
	if connection == nil {
		return // the subtest says why
	}
	if err := connection.Wait(); err == nil {
		t.Error("the connection ended well, though its server was stopped")
	}
	Eventually(t, time.Minute, func() (bool, string) {
		left := Processes(func(p Process) bool { return strings.Contains(strings.Join(p.Args, " "), server.dir) })
		return len(left) == 0, "processes of the server are left"
	})
}

func TestSshdThatCannotStartSaysWhatItSaid(t *testing.T) {
	program := NeedTool(t, "sshd")
	s := &SSHServer{dir: t.TempDir()}
	if err := s.prepare(NeedTool(t, "ssh-keygen")); err != nil {
		t.Fatal(err)
	}
	err := s.start(program, SshdOptions{Config: []string{"NoSuchDirective yes"}})
	if err == nil || !strings.Contains(err.Error(), "NoSuchDirective") {
		t.Errorf("error %v, want sshd's own words in it", err)
	}
}
