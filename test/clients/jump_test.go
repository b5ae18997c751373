// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
)

// ownServer runs an sshd of the container's own, with a key made there, for the one client key.
const ownServer = `set -e
echo 'sshd:x:105:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f /etc/host_key
echo "$CLIENT_KEY" >/etc/client_key
exec /usr/sbin/sshd -D -e -f /dev/null -o HostKey=/etc/host_key -o AuthorizedKeysFile=/etc/client_key -o StrictModes=no`

// sshServer is a container that runs an sshd and that we know nothing of: others reach it by their network.
type sshServer struct {
	address              string
	identity, knownHosts string
}

func (f *fleet) startSSHServer(t *testing.T) sshServer {
	t.Helper()
	dir := t.TempDir()
	s := sshServer{identity: filepath.Join(dir, "identity"), knownHosts: filepath.Join(dir, "known_hosts")}
	ok(t, exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.identity))
	public, err := os.ReadFile(s.identity + ".pub")
	must(t, err)
	box := rig.NeedDocker(t).Run(t, rig.ContainerSpec{
		Image: rig.Debian, Cmd: []string{"sh", "-c", ownServer}, Env: []string{"CLIENT_KEY=" + strings.TrimSpace(string(public))},
	})
	rig.Eventually(t, deadline, func() (bool, string) {
		log := box.Logs(t)
		return strings.Contains(log, "listening on 0.0.0.0 port 22"), log
	})
	for _, network := range box.Inspect(t).NetworkSettings.Networks {
		s.address = network.IPAddress.String()
	}
	_, err = netip.ParseAddr(s.address)
	must(t, err)
	must(t, os.WriteFile(s.knownHosts, []byte(s.address+" "+box.Shell(t, "cat /etc/host_key.pub")), 0o600))
	return s
}

// jumps goes through a container to another one, which its network alone leads to, and to one of ours by the name that
// ssh has for it, which no container knows.
func (f *fleet) jumps(t *testing.T) {
	server := f.startSSHServer(t)
	f.each(t, func(t *testing.T, x *target) {
		r := run(t, f.ssh("-J", x.alias, "-i", server.identity, "-o", "UserKnownHostsFile="+server.knownHosts,
			"root@"+server.address, "cat; hostname -i; exit 3"), strings.NewReader("through\n"))
		if want := fmt.Sprintf("through\n%s\n", server.address); r.Stdout != want || r.Code != 3 {
			t.Errorf("got %q, exit code %d, stderr %q, want %q", r.Stdout, r.Code, r.Stderr, want)
		}
	})
	fails(t, f.ssh("-J", f.targets[0].alias, "root@debian.switchyard", "true"), 255, "without a jump (-J)")
}
