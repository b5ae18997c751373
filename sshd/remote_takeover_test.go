// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/sirupsen/logrus"

	"switchyard/api"
)

// TestAListenerWhosePlaceIsTakenAgainIsClosed: nobody could cancel it any more, and it would not be counted.
func TestAListenerWhosePlaceIsTakenAgainIsClosed(t *testing.T) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	c := &connection{cfg: &Config{MaxListeners: 2}, log: log, grant: api.Grant{Features: api.AllFeatures()}}
	at := place{path: "/s"}
	var last net.Listener
	for range 10 {
		former := last
		_, _, err := c.listen(func() (net.Listener, place, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			last = l
			return l, at, err
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if former != nil {
			if _, err := former.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Fatalf("the listener before it accepts: %v", err)
			}
		}
	}
	if err := c.cancelListen(at); err != nil {
		t.Error(err)
	}
	if _, err := last.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the last one accepts: %v", err)
	}
}
