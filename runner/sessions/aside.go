// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

// Aside is the way of a process that serves a connection beside its sessions, such as the helper for sockets. It is
// kept account of as any other, but it is no session of a user's: neither Counts has it among those nor is Observe told
// of it, and it is ended even where the policy keeps what users run.
const Aside = "aside"

func (s *Session) aside() bool { return s.way == Aside }
