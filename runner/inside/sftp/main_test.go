// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"fmt"
	"os"
	"testing"

	"switchyard/test/rig"
)

// asServer has the test program be a server in its directory: a process of its own has a directory, an account and
// a umask.
const asServer = "SWITCHYARD_TEST_SFTP"

func TestMain(m *testing.M) {
	if home := os.Getenv(asServer); home != "" {
		if err := Serve(os.Stdin, os.Stdout, Config{Home: home, User: os.Getenv("USER")}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(rig.VerifyNoLeaks(m))
}
