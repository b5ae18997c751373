// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controller is the controller: the HTTPS API, its records, who may do what, and the
// switchyard, which upgrades a request and joins its connection to a runner's.
//
// [New] makes one from a [Config]; [Controller.Serve] answers on the listeners that [Listen] opens;
// [Controller.Shutdown] lets its sessions drain. Package datadir makes and loads what a controller
// on one machine keeps: secrets, authorities and the database. The records are behind [Store], which
// package store implements. SSH itself, Docker and processes are out of scope: a controller moves
// bytes and never reads them.
//
// What a change must keep:
//   - The order of openSSH: check the upgrade, authenticate, authorise, reserve, authorise once more, dial
//     the runner, prove, read its whole 101, check its proof, stamp the record, and only then answer the client
//     (CVE-2018-1002105). Not one byte of the client reaches a runner before that. The second authorising is
//     for a right that is taken away while the session is not in the registry yet.
//   - One [registry] owns every session from before the runner is dialled until both connections are
//     closed. Whether sessions are still taken is checked under the lock that registers them.
//   - Every ref of a request goes through resolve, which answers for a container that one may not see
//     what it answers for one that does not exist, from the same single query.
//   - Every error leaves through writeProblem. Nothing a user or a runner chose is a format or a path.
//   - A secret is in no log and no error.
package controller
