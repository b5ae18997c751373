// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// rule says what the packages under from must not depend on, directly or through others.
type rule struct {
	from   string   // a package and what is below it
	banned []string // likewise; "switchyard" bans all of ours but those in except
	except []string
	why    string
}

var rules = []rule{
	{"switchyard/api", []string{"switchyard"}, nil, "everybody agrees by api, so it depends on nobody"},
	{"switchyard/upgrade", []string{"switchyard"}, []string{"switchyard/api"}, "upgrade is HTTP and sockets, whoever uses it"},
	{"switchyard/proof", []string{"switchyard"}, []string{"switchyard/api"}, "proof is arithmetic that another implementation must be able to follow"},
	{"switchyard/sshd", []string{"switchyard"}, []string{"switchyard/api"}, "sshd serves any target and is served over any connection"},
	{"switchyard/sshd", []string{"net/http", "github.com/moby/moby"}, nil, "sshd knows no HTTP and no Docker"},
	{"switchyard/client", []string{"switchyard/controller", "switchyard/runner", "switchyard/sshd"}, nil, "the client runs on users' machines and reaches the others by their protocol only"},
	{"switchyard/cmd/switchyard", []string{"switchyard/controller", "switchyard/runner", "switchyard/sshd"}, nil, "as for the client, whose main it is"},
	{"switchyard/cmd/switchyard", []string{"github.com/moby/moby", "modernc.org/sqlite", "github.com/prometheus"}, nil, "the client starts with every ssh, so it stays small"},
	{"switchyard/controller", []string{"switchyard/sshd", "switchyard/runner", "switchyard/client", "github.com/moby/moby"}, nil, "the controller never parses SSH and never touches a container"},
	{"switchyard/runner", []string{"switchyard/controller", "switchyard/client", "modernc.org/sqlite"}, nil, "a runner holds one container's key and no records"},
	{"switchyard/controller", []string{"switchyard/test"}, nil, "programs do not contain tests"},
	{"switchyard/cmd", []string{"switchyard/test", "testing"}, nil, "programs do not contain tests"},
}

type listed struct {
	ImportPath string
	Doc        string
	Deps       []string
	GoFiles    []string
}

func TestWhoMayImportWhom(t *testing.T) {
	packages := list(t)
	for _, r := range rules {
		matched := false
		for _, p := range packages {
			if !within(p.ImportPath, r.from) {
				continue
			}
			matched = true
			for _, dep := range p.Deps {
				if !within(dep, r.from) && withinAny(dep, r.banned) && !withinAny(dep, r.except) {
					t.Errorf("%s depends on %s: %s", p.ImportPath, dep, r.why)
				}
			}
		}
		if !matched {
			t.Errorf("no package is under %s: the rule guards nothing", r.from)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package doc", p.ImportPath)
		}
	}
}

// list returns the packages of the module, with what they depend on for this system.
func list(t *testing.T) (packages []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Deps,GoFiles", "switchyard/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func withinAny(path string, under []string) bool {
	for _, u := range under {
		if within(path, u) {
			return true
		}
	}
	return false
}

func within(path, under string) bool { return path == under || strings.HasPrefix(path, under+"/") }
