// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package datadir makes and loads the data directory of a controller that runs on one machine: its
// secrets, its authorities and its database. [Open] does all of it, at the first start and at every other.
//
//	lock          held (flock(2)) while a controller uses the directory; holds its process id
//	system.token  the root secret, from which every container key derives
//	tls-ca.pem    the X.509 authority and its key
//	tls-ca.crt    the same without the key, for clients on this machine
//	ssh-ca        the SSH host authority's private key
//	switchyard.db the records (with -wal and -shm beside it)
//	admin.token   the first admin's token, there until somebody removes it
//
// What a change must keep:
//   - Nothing is read or made before the lock is held.
//   - The secrets are made before the database: where there is one, a missing secret was lost, and is not
//     made anew unless that was asked for.
//   - Every file appears whole or not at all, and every step sees for itself whether it has been done,
//     so that a start that dies anywhere is completed by the next one.
//   - The admin's token is in its file before it is in the database: the other way round, a crash
//     in between would leave an installation that nobody can enter.
package datadir
