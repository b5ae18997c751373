// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// conflicting is what a user may have in her configuration already.
const conflicting = `ServerAliveInterval 60
BatchMode yes
IdentityFile none

Host web.switchyard
    HostName elsewhere.example
    StrictHostKeyChecking no

Host *
    UserKnownHostsFile /dev/null
    StrictHostKeyChecking accept-new
    HostKeyAlgorithms ssh-ed25519
    User nobody-here
`

// blockWorld is a world whose admin has run config-ssh, for two suffixes, over a configuration of her own.
func blockWorld(t *testing.T) (w *world.World, file string) {
	t.Helper()
	w = world.New(t, world.Options{})
	file = filepath.Join(w.Dir, "my_ssh_config")
	if err := os.WriteFile(file, []byte(conflicting), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Switchyard(t, "config-ssh", "--file", file)
	w.Switchyard(t, "config-ssh", "--file", file, "--suffix", "prod")
	return w, file
}

func TestAfterConfigSSHPlainSSHReachesContainersByName(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w, file := blockWorld(t)
	web := w.Run(t, "web", world.ContainerOptions{})
	for _, host := range []string{
		"web.switchyard", "web.default.switchyard", "WEB.Default.switchyard", string(web.ID) + ".switchyard",
		"web.prod", "web.default.prod", "WEB.prod", string(web.ID) + ".prod",
	} {
		r := configured(t, w, file, "root@"+host, "echo in")
		if r.Code != 0 || r.Stdout != "in\n" || r.Stderr != "" {
			t.Errorf("ssh %s: exit code %d, stdout %q, stderr %q", host, r.Code, r.Stdout, r.Stderr)
		}
	}
	t.Run("with AES-GCM", func(t *testing.T) {
		r := configured(t, w, file, "-v", "root@web.switchyard", "true")
		if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), "aes128-gcm") {
			t.Skip("this processor has no AES instructions")
		}
		if !strings.Contains(r.Stderr, "cipher: aes128-gcm@openssh.com") {
			t.Errorf("another cipher was agreed on: %s", r.Stderr)
		}
	})
	t.Run("scp", func(t *testing.T) { checkCopy(t, w, file) })
	t.Run("on another port's name", func(t *testing.T) {
		if r := configured(t, w, file, "-p", "2222", "root@web.prod", "true"); r.Code != 0 || r.Stderr != "" {
			t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
		}
	})
	t.Run("removing it", func(t *testing.T) {
		w.Switchyard(t, "config-ssh", "--file", file, "--remove")
		w.Switchyard(t, "config-ssh", "--file", file, "--suffix", "prod", "--remove")
		if b, err := os.ReadFile(file); err != nil || string(b) != conflicting {
			t.Errorf("the file is %q, %v", b, err)
		}
	})
}

// checkCopy copies a file to a container and back. The old protocol needs scp in the image, the new one sftp.
func checkCopy(t *testing.T, w *world.World, file string) {
	scp := rig.NeedTool(t, "scp")
	dir := t.TempDir()
	from, back := filepath.Join(dir, "from"), filepath.Join(dir, "back")
	want := bytes.Repeat([]byte("switchyard\n"), 10000)
	if err := os.WriteFile(from, want, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{from, "root@web.switchyard:/tmp/there"}, {"root@web.prod:/tmp/there", back}} {
		c := exec.Command(scp, append([]string{"-q", "-F", file}, args...)...)
		c.Env, c.Dir = w.Env(), w.Dir
		if r := world.Finish(t, c); r.Code != 0 || r.Stderr != "" {
			t.Fatalf("scp %q: exit code %d, stderr %q", args, r.Code, r.Stderr)
		}
	}
	if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

func TestAContainerMadeAnewUnderTheSameNameAsksNothing(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w, file := blockWorld(t)
	keys := map[string]bool{}
	for range 2 {
		web := w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--heartbeat", "1s"}}) // by which it learns of its end
		for _, host := range []string{"web.switchyard", "web.prod"} {
			if r := configured(t, w, file, "root@"+host, "true"); r.Code != 0 || r.Stderr != "" {
				t.Errorf("ssh %s: exit code %d, stderr %q", host, r.Code, r.Stderr)
			}
		}
		keys[web.Record(t).HostKey] = true
		w.Switchyard(t, "container", "end", "web")
		<-web.Runner.Done()
	}
	if len(keys) != 2 {
		t.Errorf("both have the same host key: %v", keys)
	}
}

func TestARenewedCertificateIsShownToNewConnections(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w, file := blockWorld(t)
	w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--heartbeat", "1s"}})
	serial := regexp.MustCompile(`Server host certificate: .* serial (\d+) `)
	shown := func() string {
		r := configured(t, w, file, "-v", "root@web.switchyard", "true")
		m := serial.FindStringSubmatch(r.Stderr)
		if r.Code != 0 || m == nil {
			t.Fatalf("exit code %d, stderr %q", r.Code, r.Stderr)
		}
		return m[1]
	}
	first := shown()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		now := shown()
		return now != first, "still serial " + now
	})
}

func TestANewHostAuthorityIsBelievedAfterLoggingInAgain(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w, file := blockWorld(t)
	web := w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--heartbeat", "1s"}})
	before := web.Record(t).HostKey

	w.Controller.Stop(t)
	if err := os.Remove(filepath.Join(w.DataDir(), "ssh-ca")); err != nil {
		t.Fatal(err)
	}
	r := world.Finish(t, exec.Command(w.Bin.Daemon, "make-secret", "--data-dir", w.DataDir(), "ssh-ca"))
	if r.Code != 0 {
		t.Fatalf("make-secret: exit code %d, stderr %q", r.Code, r.Stderr)
	}
	w.StartController(t)
	hosts := []string{"web.switchyard", "web.prod"}
	for _, host := range hosts {
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			r := configured(t, w, file, "root@"+host, "true")
			return r.Code == 255 && strings.Contains(r.Stderr, "Host key verification failed"), r.Stderr
		})
	}
	w.Switchyard(t, "login", w.URL, "--token-file", filepath.Join(w.DataDir(), "admin.token"))
	for _, host := range hosts {
		if r := configured(t, w, file, "root@"+host, "true"); r.Code != 0 || r.Stderr != "" {
			t.Errorf("ssh %s: exit code %d, stderr %q", host, r.Code, r.Stderr)
		}
	}
	if web.Record(t).HostKey != before {
		t.Error("it is another runner that was believed")
	}
}

func TestTheKnownHostsLineIsEnoughForAConfigurationByHand(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	w.Run(t, "web", world.ContainerOptions{})
	known, file := filepath.Join(w.Dir, "lines"), filepath.Join(w.Dir, "by_hand")
	config := "Host *.switchyard\n ProxyCommand " + w.Bin.Client + " connect %h\n UserKnownHostsFile " + known +
		"\n StrictHostKeyChecking yes\n BatchMode yes\n IdentityFile none\n"
	for path, text := range map[string]string{known: w.Switchyard(t, "known-hosts", "*.switchyard") + "\n", file: config} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, host := range []string{"web.switchyard", "web.default.switchyard"} {
		if r := configured(t, w, file, "root@"+host, "echo in"); r.Code != 0 || r.Stdout != "in\n" || r.Stderr != "" {
			t.Errorf("ssh %s: exit code %d, stdout %q, stderr %q", host, r.Code, r.Stdout, r.Stderr)
		}
	}
}
