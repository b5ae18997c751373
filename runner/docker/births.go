// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// birthPause is how often the shim's children are looked at: that takes
// microseconds, where each question to the engine takes it a good part of a
// millisecond from the very start that is waited for.
const birthPause = time.Millisecond

// births notices that the shim of a container has got a new child: an exec
// instance's process is adopted by it when the runtime has started it. Any other
// may be meant just as well, so births only say when to ask the engine.
type births struct {
	path string
	seen []int
}

// births starts to watch. Where the kernel does not tell a process's children
// (CONFIG_PROC_CHILDREN) there are none.
func (t *Target) births() *births {
	shim, err := parent(t.main.PID())
	if err != nil {
		return &births{}
	}
	// Orphans go to the first thread of whoever adopts them.
	number := strconv.Itoa(shim)
	b := &births{path: "/proc/" + number + "/task/" + number + "/children"}
	b.seen = b.children()
	return b
}

func (b *births) children() []int {
	text, _ := os.ReadFile(b.path)
	var pids []int
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// any says whether there was a birth since it was last asked.
func (b *births) any() bool {
	now := b.children()
	born := slices.ContainsFunc(now, func(pid int) bool { return !slices.Contains(b.seen, pid) })
	b.seen = now
	return born
}

// await waits for a birth, for at most a while, or until the others.
func (b *births) await(ctx context.Context, most time.Duration, ended <-chan struct{}) (born bool, err error) {
	for end := time.Now().Add(most); time.Now().Before(end); {
		if err := rest(ctx, birthPause, ended); err != nil {
			return false, err
		}
		if closed(ended) || b.any() {
			return true, nil
		}
	}
	return false, nil
}
