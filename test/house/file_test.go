// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const licence = "// Copyright The Switchyard Authors.\n// SPDX-License-Identifier: Apache-2.0\n"

func TestEveryFileHasItsLicence(t *testing.T) {
	eachGoFile(t, func(name, text string) {
		if !strings.HasPrefix(text, licence) {
			t.Errorf("%s does not begin with the licence line", name)
		}
	})
}

var sleeps = regexp.MustCompile(`\btime\.Sleep\(`)

// A test waits on a gate or polls with a deadline (rig.Eventually). Under synctest a sleep takes no time.
func TestTestsDoNotSleep(t *testing.T) {
	eachGoFile(t, func(name, text string) {
		if strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(name, "house/file_test.go") &&
			!strings.Contains(text, `"testing/synctest"`) && sleeps.MatchString(text) {
			t.Errorf("%s sleeps", name)
		}
	})
}

func eachGoFile(t *testing.T, visit func(name, text string)) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == ".git" || e.Name() == "bin"):
			return filepath.SkipDir
		case e.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		seen++
		visit(strings.TrimPrefix(name, root+string(filepath.Separator)), string(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 10 {
		t.Fatalf("only %d Go files below %s", seen, root)
	}
}
