// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// everyMegabyte has the client ask for new keys before a key has encrypted more than a megabyte that it sends, and
// after one that it has received (ssh_config(5), RekeyLimit). Of what it sends it is exact: it sends no data
// between its request and the new keys (RFC 4253 section 7.1). So a client that sends n megabytes has n
// keys at least, the first among them. Of what it receives each key may carry more, by what is on its way when it asks.
var everyMegabyte = []string{"-v", "-o", "RekeyLimit=1M"}

// newKeys is what the client logs of each key, the first among them.
const newKeys = "SSH2_MSG_NEWKEYS received"

// Both directions count for the same keys here, as they carry the data at the same time.
func rekeying(t *testing.T, e edge) {
	const megabytes = 30
	c, log := e.logged(t, "cat", everyMegabyte[0], everyMegabyte[1:]...)
	got := newDigester()
	c.Stdin, c.Stdout = randomBytes(4, megabytes<<20), got
	finish(t, c, 0)
	got.expect(t, digestOf(randomBytes(4, megabytes<<20)))
	if n := countIn(t, log, newKeys); n < megabytes {
		t.Errorf("there were %d keys for %d MB in each direction", n, megabytes)
	}
}

// A file goes there, and then comes back. In that direction a key carries at most the megabyte and what sftp has asked for
// ahead, 64 times 32 KiB (sftp(1), -R and -B).
func rekeyingFiles(t *testing.T, e edge) {
	const megabytes, ahead = 20, 2
	dir := t.TempDir()
	file, back := filepath.Join(dir, "file"), filepath.Join(dir, "back")
	writeRandom(t, file, 7, megabytes<<20)
	c := e.sftp(t, fmt.Sprintf("put %q /tmp/rekeyed\nget /tmp/rekeyed %q\n", file, back), everyMegabyte...)
	r := world.Finish(t, c)
	if r.Code != 0 {
		t.Fatalf("sftp: exit code %d, stderr %q", r.Code, r.Stderr)
	}
	want := digestOf(randomBytes(7, megabytes<<20))
	if inside := e.box.Shell(t, "sha256sum </tmp/rekeyed"); !strings.HasPrefix(inside, want) {
		t.Errorf("the digest inside is %s and not %s", inside, want)
	}
	f, err := os.Open(back)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := digestOf(f); got != want {
		t.Errorf("the digest of what came back is %s and not %s", got, want)
	}
	if n := strings.Count(r.Stderr, newKeys); n < megabytes+megabytes/(1+ahead) {
		t.Errorf("there were %d keys for %d MB there and back", n, megabytes)
	}
}

// sftp prepares a run of OpenSSH's sftp as root, which ends at the first command that fails.
func (e edge) sftp(t *testing.T, batch string, options ...string) *exec.Cmd {
	t.Helper()
	c := e.SSHCommand(t)
	c.Path = rig.NeedTool(t, "sftp")
	c.Args = append(append([]string{"sftp"}, c.Args[1:]...), append(options, "-b", "-", e.login("root"))...)
	c.Stdin = strings.NewReader(batch)
	return c
}

func writeRandom(t *testing.T, name string, seed byte, size int64) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, randomBytes(seed, size)); err != nil {
		t.Fatal(err)
	}
}
