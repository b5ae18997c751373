// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
)

// testLFTP is lftp by sftp, which runs OpenSSH's ssh.
func testLFTP(t *testing.T, f *fleet) {
	rig.NeedTool(t, "lftp")
	f.each(t, f.lftp)
}

func (f *fleet) lftp(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	here := t.TempDir()
	script := `set cmd:fail-exit yes
set net:max-retries 1
set sftp:connect-program "ssh -a -x -F @config"
open sftp://@alias
mirror -R --no-umask @tree @inside/copy
mirror --no-umask @inside/copy @here/back
cd @inside
put @file -o @odd
get @odd -o @here/odd
mv @odd renamed
rm renamed
`
	if x == f.one("scratch-root") {
		script += "put @big -o big\nget big -o @here/big\n"
	}
	words := strings.NewReplacer("@config", f.config(), "@alias", x.alias, "@tree", quote(f.tree.dir), "@inside", inside,
		"@here", here, "@odd", `"it's \"odd\" ünd $HOME"`, "@file", quote(filepath.Join(f.tree.dir, "medium")), "@big", quote(f.big))
	ok(t, f.command("lftp", "--norc", "-c", words.Replace(script)))
	f.tree.check(t, outside+"/copy", dirTimes)
	f.tree.check(t, here+"/back", dirTimes)
	x.owned(t, outside)
	if got, want := sum(t, here+"/odd"), sum(t, filepath.Join(f.tree.dir, "medium")); got != want {
		t.Errorf("the checksum is %s, want %s", got, want)
	}
	if x == f.one("scratch-root") {
		f.checkBig(t, outside+"/big")
		f.checkBig(t, here+"/big")
	}
}
