// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

// Command engine runs a command that needs a Docker Engine, on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "engine: a private Docker engine needs Linux; start Docker and run the command itself")
	os.Exit(125)
}
