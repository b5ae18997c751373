// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package openssh hands the system's ssh what it needs to reach a container: the ProxyCommand, the
// host authority to verify the container's host key with, and options that keep anything else from
// being believed.
//
// [Invocation.Argv] is the command line, [KnownHostsLine] the content of the file it names, and
// [Run] gives the process to ssh. The package reaches no controller and reads no configuration; the
// option names are those of ssh_config(5), the oldest version meant is OpenSSH 8.0.
package openssh
