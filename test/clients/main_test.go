// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestMain(m *testing.M) {
	code := rig.VerifyNoLeaks(m)
	world.Cleanup()
	os.Exit(code)
}

// suites are the clients, by the name of the package or of what they do.
var suites = []struct {
	name string
	run  func(*testing.T, *fleet)
}{
	{"ssh", testSSH},
	{"forwards", testForwards},
	{"agent", testAgent},
	{"X11", testX11},
	{"scp", testSCP},
	{"sftp", testSFTP},
	{"rsync", testRsync},
	{"git", testGit},
	{"sshfs", testSSHFS},
	{"lftp", testLFTP},
	{"PuTTY", testPuTTY},
	{"dropbear", testDropbear},
	{"paramiko", testParamiko},
	{"asyncssh", testAsyncSSH},
	{"terminal", testTerminal},
	{"VS Code", testVSCode},
	{"Ansible", testAnsible},
	{"sparse files", testSparse},
	{"docker exec", testDockerExec},
}

func TestClients(t *testing.T) {
	rig.NeedRoot(t)
	rig.NeedDocker(t)
	rig.NeedSSH(t)
	f := newFleet(t)
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, f)
		})
	}
}
