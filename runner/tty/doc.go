// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tty applies what SSH says about a terminal to a Linux pseudo-terminal: encoded terminal
// modes (RFC 4254 section 8, RFC 8160), the window size and a BREAK (RFC 4335).
//
// Every function takes the descriptor of either side of the pair; on the master, Linux lets it act on
// the slave. Opening the pair and moving its bytes belong to whoever starts the process. The functions
// keep no state and may run concurrently.
package tty
