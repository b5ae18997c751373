// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clienttest is a controller for the tests of clients: one that does what docs/protocol.md says
// a controller does, as far as a client can tell, and those that do not, on purpose.
//
// [Start] makes one. A container's name decides what an upgrade to it meets (see [Containers]), and
// [Options] what its TLS and its proof are like. [StartProxy] and [StartRelay] stand in between.
// Records are kept in memory and hardly checked: what a real controller accepts is tested elsewhere.
package clienttest
