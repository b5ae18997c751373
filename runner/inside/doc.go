// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package inside is the part of the daemon's program that runs inside a target, as a login and confined as all its
// processes are: it serves what an image need not have, files over SFTP and unix-domain sockets.
//
// A main calls Run before anything else when its first argument is Word:
//
//	if len(os.Args) > 1 && os.Args[1] == inside.Word {
//		os.Exit(inside.Run(os.Args[2:]))
//	}
//
// The runner's side is package helper, which starts this program from a sealed memfd. Nothing secret is ever in
// this process. Whoever is root in a container can read it, change it and speak in its place, and so can its login
// where it may trace its own processes: so nothing that it tells the runner is believed without a look.
//
// What a change must keep:
//   - Nothing is done before Run that costs time or looks at files: every sftp and every agent socket waits for it.
//   - No descriptor that the runner gave stays open but those that the work needs.
package inside
