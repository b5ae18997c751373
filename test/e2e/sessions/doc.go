// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sessions tests the main job with real parts: a person's ssh, scp and sftp into containers of several kinds, on pipes and on
// terminals, as any login, and what the records say of it. See package world for how.
package sessions
