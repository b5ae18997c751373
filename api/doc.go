// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package api is what travels between the parts: records, routes, header names, limits, the grant
// and the errors. Client, controller and runner import it and agree by it; it imports nothing of ours
// and holds no logic but validation and encoding, each of which has its only home here.
//
// Every JSON field name and constant is part of the protocol in docs/protocol.md and docs/openapi.yaml.
package api
