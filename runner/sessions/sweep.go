// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"fmt"
	"os"
	"path/filepath"

	"switchyard/runner/proc"
)

// mainFile, in an owner's directory, names the container's main process as an owner is named. Other files there are
// records, whose names are numbers.
const mainFile = "main"

// noteMain writes down which process the container lives as long as.
func (d lockedDir) noteMain(pid int) error {
	start, err := proc.StartOf(pid)
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(d.Name(), mainFile), fmt.Appendf(nil, "%d-%d", pid, start))
}

// sweep removes what dead runners wrote of containers that have ended, for which no next runner comes. Those
// of other containers are otherwise left alone.
func (s state) sweep() {
	all, _ := filepath.Glob(filepath.Join(filepath.Dir(s.path), statePrefix+"*"))
	for _, path := range all {
		if path != s.path {
			state{path}.sweepEnded()
		}
	}
}

func (s state) sweepEnded() {
	all, err := lockDir(s.path, false)
	if err != nil {
		return
	}
	defer all.Close()
	if all.private() != nil || !all.same() {
		return
	}
	for o := range s.owners() {
		d, err := lockDir(filepath.Join(s.path, string(o)), false)
		if err != nil {
			continue // it lives
		}
		if d.ended() {
			os.RemoveAll(d.Name())
		}
		d.Close()
	}
	os.Remove(s.path) // unless somebody is left
}

// ended tells whether the container of an owner's directory has ended. Where that is not written down, as when the file
// system was full, it may be running as long as there are records of this boot; without any, nothing is lost.
func (d lockedDir) ended() bool {
	main, err := os.ReadFile(filepath.Join(d.Name(), mainFile))
	if err != nil || len(main) == 0 {
		return len(readRecords(d.Name())) == 0
	}
	return !owner(main).alive()
}
