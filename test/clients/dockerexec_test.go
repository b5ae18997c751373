// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// imageSFTP is where Debian has OpenSSH's sftp-server, which rig's image is made without.
const imageSFTP = "/usr/lib/openssh/sftp-server"

// runByDockerExec starts a Debian container whose runner starts processes by docker exec.
func (f *fleet) runByDockerExec(t *testing.T, name string) *world.Container {
	t.Helper()
	return f.Run(t, name, world.ContainerOptions{
		Spec:       rig.ContainerSpec{Image: rig.Debian, Cmd: []string{"sh", "-c", "sleep 1000000 & wait"}},
		RunnerArgs: []string{"--exec", "docker"},
	})
}

// testDockerExec is what clients have where processes start by docker exec, which can start nothing that the image
// lacks: sftp as far as the image has it, and no sockets. Transfers are those of one login, as their cost is Docker's.
func testDockerExec(t *testing.T, f *fleet) {
	root, alice := f.aside[0], f.aside[1]
	for _, x := range f.aside {
		t.Run("commands as "+x.login, func(t *testing.T) { f.sshCommands(t, x) })
	}
	t.Run("ControlMaster", func(t *testing.T) { f.sshControlMaster(t, root) })
	t.Run("-L", func(t *testing.T) { f.localForward(t, alice) })
	t.Run("-D", func(t *testing.T) { f.dynamicForward(t, alice) })
	t.Run("-W", func(t *testing.T) { f.stdioForward(t, alice) })
	t.Run("-J", func(t *testing.T) { f.jump(t, alice) })
	t.Run("-R", func(t *testing.T) { f.remoteForward(t, alice) })
	t.Run("a full-screen program", func(t *testing.T) { f.fullScreen(t, alice) })
	t.Run("tmux", func(t *testing.T) { f.tmux(t, alice) })
	t.Run("rsync", func(t *testing.T) { rig.NeedTool(t, "rsync"); f.rsync(t, alice) })
	t.Run("git", func(t *testing.T) { rig.NeedTool(t, "git"); f.pushAndClone(t, alice, f.repository(t)) })
	t.Run("scp -O", func(t *testing.T) { f.scp(t, alice, f.tree, false, "-O") })
	t.Run("Ansible", func(t *testing.T) { f.ansibleCopy(t, alice) })
	t.Run("sftp is the image's", func(t *testing.T) { f.sftpOfImage(t, alice) })
	t.Run("sockets are refused", func(t *testing.T) { f.socketsRefused(t, alice) })
	t.Run("the agent and X11 are refused", func(t *testing.T) { f.agentRefused(t, alice) })
}

// sftpOfImage asks for sftp without a server in the image, and with one.
func (f *fleet) sftpOfImage(t *testing.T, x *target) {
	program, err := os.ReadFile(rig.NeedTool(t, imageSFTP))
	must(t, err)
	for _, client := range []string{"scp", "sftp"} {
		fails(t, f.command(client, "-F", f.config(), x.alias+":/etc/passwd", t.TempDir()), 255, "has no sftp", "--exec runc")
	}
	must(t, os.MkdirAll(x.root+filepath.Dir(imageSFTP), 0o755))
	must(t, os.WriteFile(x.root+imageSFTP, program, 0o755))
	f.sftp(t, x)
	f.scp(t, x, f.plain, false)
}

func (f *fleet) socketsRefused(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	there, err := net.Listen("unix", outside+"/s")
	must(t, err)
	accept(t, there, echo)
	must(t, os.Chmod(outside+"/s", 0o777))
	local := filepath.Join(shortDir(t), "l")
	log := background(t, f.ssh("-N", "-L", local+":"+inside+"/s", x.alias))
	connect(t, log, "unix", local).Close()
	rig.Eventually(t, deadline, func() (bool, string) {
		said := log.String()
		return strings.Contains(said, "open failed: ") && strings.Contains(said, "need the container's runtime"), said
	})
	fails(t, f.ssh("-N", "-o", "ExitOnForwardFailure=yes", "-R", inside+"/r:"+local, x.alias), 255, "remote port forwarding failed")
}

// agentRefused wants the session without its variables, and the reason where there is a terminal to read it on.
func (f *fleet) agentRefused(t *testing.T, x *target) {
	rig.NeedTool(t, "ssh-agent")
	rig.NeedTool(t, "xauth")
	socket, _ := f.startAgent(t)
	number, authority := f.display(t)
	c := f.ssh("-tt", "-A", "-Y", "-o", "IdentityAgent="+socket, x.alias, `echo "[$SSH_AUTH_SOCK,$DISPLAY]"`)
	c.Env = append(c.Env, displayVars(number, authority)...)
	fails(t, c, 0, "[,]", "your agent is not forwarded", "X11 is not forwarded", "need the container's runtime")
}
