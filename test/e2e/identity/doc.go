// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package identity tests whom ssh believes, with real parts: config-ssh, host certificates and their renewal, and impostors. See package world for how.
package identity
