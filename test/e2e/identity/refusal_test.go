// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// Who holds a container's key and its address has the right proof. What she shows ssh must be certified
// for that container all the same.
func TestARunnerWithTheRightProofAndAWrongCertificateIsRefused(t *testing.T) {
	t.Parallel()
	rig.NeedRoot(t)
	w := world.New(t, world.Options{})
	file := filepath.Join(w.Dir, "my_ssh_config")
	w.Switchyard(t, "config-ssh", "--file", file)
	w.Switchyard(t, "config-ssh", "--file", file, "--suffix", "prod")
	web := startImpostor(t, w, w.Register(t, "web", world.ContainerOptions{Target: "host"}))
	db := startImpostor(t, w, w.Register(t, "db", world.ContainerOptions{Target: "host"}))

	ways := map[string]func() world.Result{
		"ssh with the block":         func() world.Result { return configured(t, w, file, "root@web.switchyard", "echo in") },
		"ssh with another suffix":    func() world.Result { return configured(t, w, file, "root@web.prod", "echo in") },
		"ssh with the line by hand":  func() world.Result { return w.SSH(t, "root@web", "echo in") },
		"switchyard shell":           func() world.Result { return world.Finish(t, w.Command("shell", "--user", "root", "web", "echo in")) },
		"ssh with the project named": func() world.Result { return configured(t, w, file, "root@web.default.prod", "echo in") },
	}
	for name, run := range ways {
		if r := run(); r.Code != 0 || r.Stdout != "in\n" || r.Stderr != "" {
			t.Fatalf("%s: the right certificate: exit code %d, stdout %q, stderr %q", name, r.Code, r.Stdout, r.Stderr)
		}
	}
	for what, signer := range wrongSigners(t, w, web, db) {
		web.show(signer)
		for name, run := range ways {
			r := run()
			if r.Code != 255 || r.Stdout != "" || !refusesTheKey(r.Stderr) {
				t.Errorf("%s: %s: exit code %d, stdout %q, stderr %q", name, what, r.Code, r.Stdout, r.Stderr)
			}
		}
	}
}

// refusesTheKey tells whether ssh refused for the host key's sake, and not because something else was broken.
func refusesTheKey(stderr string) bool {
	for _, words := range []string{"Host key verification failed", "no matching host key type found", "incorrect signature"} {
		if strings.Contains(stderr, words) {
			return true
		}
	}
	return false
}

// wrongSigners are keys that web must not be believed by.
func wrongSigners(t *testing.T, w *world.World, web, db *impostor) map[string]ssh.Signer {
	t.Helper()
	ca, key := hostAuthority(t, w), newHostKey(t)
	sign := func(by ssh.Signer, change func(*ssh.Certificate)) ssh.Signer {
		c := &ssh.Certificate{
			Key: key.PublicKey(), CertType: ssh.HostCert, KeyId: "forged",
			ValidPrincipals: web.reported.PublicKey().(*ssh.Certificate).ValidPrincipals,
			ValidAfter:      uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		}
		change(c)
		if err := c.SignCert(rand.Reader, by); err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewCertSigner(c, key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return map[string]ssh.Signer{
		"another container's key and certificate": db.reported,
		"its certificate without its key":         claimant{key, web.reported.PublicKey()},
		"its own key without a certificate":       web.plain,
		"another authority's certificate":         sign(newHostKey(t), func(*ssh.Certificate) {}),
		"an expired certificate":                  sign(ca, func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Second).Unix()) }),
		"a certificate of tomorrow":               sign(ca, func(c *ssh.Certificate) { c.ValidAfter = uint64(time.Now().Add(time.Minute).Unix()) }),
		"a certificate for other names":           sign(ca, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"web.other", "web.other.switchyard", "web-1"} }),
	}
}

// configured runs ssh with a configuration and nothing else that would make it believe a host.
func configured(t *testing.T, w *world.World, file string, args ...string) world.Result {
	t.Helper()
	c := w.SSHCommand(t, args...)
	c.Args = append([]string{c.Args[0], "-F", file}, args...)
	return world.Finish(t, c)
}
