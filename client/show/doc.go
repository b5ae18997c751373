// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package show prints records for people, as tables, and for programs, as JSON.
//
// Whatever a controller sends was chosen by somebody: names, labels, errors. It is escaped before it
// reaches a terminal, which would take control characters in it as orders.
package show
