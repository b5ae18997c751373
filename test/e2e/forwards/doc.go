// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package forwards tests what is forwarded with real parts: ports and unix sockets both ways, the agent, and X11. See package world for how.
package forwards
