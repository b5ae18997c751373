// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package openssh

import (
	"fmt"
	"os"
	"syscall"
)

// Run turns this process into ssh, so that terminal, signals and exit code are ssh's own. It returns
// only when it fails.
func Run(path string, argv []string) (code int, err error) {
	err = syscall.Exec(path, argv, os.Environ())
	return 0, fmt.Errorf("starting %q: %v", path, err)
}
