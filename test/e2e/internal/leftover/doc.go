// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package leftover looks for what sessions and runners leave behind, for the end-to-end tests: processes, instances of
// docker exec, cgroups and files. All of it is looked for per container or per runner, so tests may run side by side.
//
//	web := w.Run(t, "web", leftover.Served())
//	…                       // sessions come and end
//	leftover.None(t, web)   // waits
//
// What a container or the next runner clears up is waited for; what a runner must have done before it ends is looked
// for once.
package leftover
