// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package remapped tests with real parts that containers are served on an engine that gives them user namespaces
// (dockerd --userns-remap), where root of a container is nobody on the machine. See package world for how.
package remapped
