// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"testing"
	"time"

	"switchyard/test/rig"
)

// TestAStartThatIsGivenUpHoldsItsOwnFiles: such a start goes on after its caller has closed the files that it was to
// give to the container, whose numbers may be anything by then. The race detector sees it.
func TestAStartThatIsGivenUpHoldsItsOwnFiles(t *testing.T) {
	t.Parallel()
	w, _ := openWithHelper(t, ExecRunc, rig.ContainerSpec{})
	a := w.account(t, "root")
	for i := range 30 {
		s, err := w.target.Sockets(a)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
		if conn, err := s.Dial(ctx, "/nowhere"); err == nil {
			conn.Close()
			t.Error("a socket is there that is not")
		}
		cancel()
		s.Close()
	}
}
