// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bench measures the whole chain beside what people use instead: docker exec, and a plain sshd
// on loopback. Every figure is taken in turn with the one it is compared with, in the same run, and
// reported as a ratio of medians, since the speed of a shared machine drifts. See docs/benchmarks.md.
//
// A ratio is ours divided by theirs: for times and for memory less is better, for rates more is.
package bench
