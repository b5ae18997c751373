// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"os/exec"
	"runtime"
)

// MissingError says that there is no ssh on this machine.
type MissingError struct{}

func (MissingError) Error() string {
	how := "install OpenSSH's client from your system's packages"
	switch runtime.GOOS {
	case "linux":
		how = "install the package openssh-client, on some systems openssh-clients"
	case "windows":
		how = "add the optional feature OpenSSH Client in the system's settings"
	}
	return "there is no ssh on the PATH: " + how
}

// Find returns the path of ssh. The error is a MissingError; a program of that name in the current
// directory does not count.
func Find() (string, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return "", MissingError{}
	}
	return path, nil
}
