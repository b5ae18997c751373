// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package recovery tests with real parts that sessions end with their client, network, controller or runner, that what was detached
// stays, and that a runner ends what one before it left when it was killed. See package world for how.
package recovery
