// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"os/exec"
	"testing"
)

// python is the system's own Python, which is the one that has the modules of
// the system's packages.
const python = "/usr/bin/python3"

// NeedPython returns the path of a Python that has the module.
func NeedPython(tb testing.TB, module string) string {
	tb.Helper()
	if out, err := exec.Command(python, "-W", "ignore", "-c", "import "+module).CombinedOutput(); err != nil {
		missing(tb, "needs a %s that has %q (run scripts/prereqs test): %v %s", python, module, err, out)
	}
	return python
}
