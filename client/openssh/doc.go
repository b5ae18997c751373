// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package openssh hands the system's ssh what it needs to reach a container: the ProxyCommand, the
// host authority to verify the container's host key with, and options that keep anything else from
// being believed.
//
// [Invocation.Argv] is a command line and [Block] a part of a user's ssh_config to the same end, which
// [Config.Put] and [File.Write] put where it takes effect. [KnownHostsLine] is the content of the known_hosts
// file that both name, and [Run] gives the process to ssh. The package reaches no controller and knows
// nothing of contexts but their names; the option names are those of ssh_config(5), the oldest version meant
// is OpenSSH 8.1.
package openssh
