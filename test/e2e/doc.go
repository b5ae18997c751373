// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the whole chain with real parts: the system's ssh, the client as its ProxyCommand,
// a controller, runners, and containers on a real Docker Engine. See package world for how.
package e2e
