// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os/exec"
	"path/filepath"
	"testing"

	"switchyard/test/rig"
)

// testGit is git over ssh, which needs git in the image.
func testGit(t *testing.T, f *fleet) {
	rig.NeedTool(t, "git")
	work := f.repository(t)
	f.each(t, func(t *testing.T, x *target) { f.pushAndClone(t, x, work) }, rig.Debian)
	t.Run("without git in the image", func(t *testing.T) {
		f.each(t, func(t *testing.T, x *target) {
			fails(t, f.git(work, "push", "ssh://"+x.alias+x.dir()+"/none.git", "main"), 128, x.missing("git-receive-pack"))
			fails(t, f.git(work, "ls-remote", "ssh://"+x.alias+x.dir()+"/none.git"), 128, x.missing("git-upload-pack"))
		}, rig.Busybox, rig.Scratch)
	})
}

// git prepares a run of git in a directory, with nothing of the user's configuration.
func (f *fleet) git(dir string, args ...string) *exec.Cmd {
	c := f.command("git", append([]string{"-C", dir}, args...)...)
	c.Env = append(c.Env, "GIT_SSH_COMMAND=ssh -F "+f.config(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost")
	return c
}

// repository makes one of the tree.
func (f *fleet) repository(t *testing.T) (work string) {
	t.Helper()
	work = filepath.Join(t.TempDir(), "work")
	ok(t, f.command("cp", "-a", f.tree.dir, work))
	ok(t, f.git(work, "init", "-q", "-b", "main"))
	ok(t, f.git(work, "add", "-A"))
	ok(t, f.git(work, "commit", "-q", "-m", "all"))
	return work
}

func (f *fleet) pushAndClone(t *testing.T, x *target, work string) {
	inside, outside := x.fresh(t)
	url := "ssh://" + x.alias + inside + "/a repo.git"
	ok(t, f.ssh(x.alias, "git init -q --bare -b main '"+inside+"/a repo.git'"))
	ok(t, f.git(work, "push", "-q", url, "main"))
	clone := filepath.Join(t.TempDir(), "clone")
	ok(t, f.git(work, "clone", "-q", url, clone))
	ok(t, f.git(clone, "fsck", "--full", "--strict"))
	if got, want := ok(t, f.git(clone, "rev-parse", "HEAD^{tree}")), ok(t, f.git(work, "rev-parse", "HEAD^{tree}")); got != want {
		t.Errorf("the tree is %s, want %s", got, want)
	}
	ok(t, f.git(clone, "commit", "-q", "--allow-empty", "-m", "more"))
	ok(t, f.git(clone, "push", "-q", "origin", "main"))
	// All targets share the work tree, each in its turn.
	ok(t, f.git(work, "fetch", "-q", url, "main"))
	if got, want := ok(t, f.git(work, "rev-parse", "FETCH_HEAD")), ok(t, f.git(clone, "rev-parse", "HEAD")); got != want {
		t.Errorf("what was fetched is %s, want %s", got, want)
	}
	x.owned(t, outside)
}
