// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"reflect"
	"sync"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// globalRequests counts the connection's global requests that are being handled. They reach this server on
// another goroutine than channels do, while a client counts on their order: "ssh -R 8080:web:80 box wget
// localhost:8080" must find the port listening, and one with ExitOnForwardFailure must learn of a failure
// before the command has done its work.
type globalRequests struct {
	mu      sync.Mutex // guards what follows
	handled int
	changed chan struct{} // closed when a request has been handled; nil: nobody waits
}

// counted makes a handler of the frame one that is counted.
func (g *globalRequests) counted(handle ssh.RequestHandler) ssh.RequestHandler {
	return func(ctx ssh.Context, srv *ssh.Server, r *gossh.Request) (bool, []byte) {
		g.begin()
		defer g.end()
		return handle(ctx, srv, r)
	}
}

func (g *globalRequests) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handled++
}

func (g *globalRequests) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handled--
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// waitIdle waits until no request is being handled or queued. One that has left the queue for a goroutine that
// has not run yet is not seen; before a session starts its process, its client has waited for the answer
// to its open.
func (g *globalRequests) waitIdle(ctx context.Context, queued func() int) {
	for changed := g.busy(queued); changed != nil; changed = g.busy(queued) {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// busy is nil when there is nothing to wait for.
func (g *globalRequests) busy(queued func() int) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.handled == 0 && queued() == 0 {
		return nil
	}
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

// queuedRequests is the length of the library's queue of global requests, which is one of its own fields; none
// in a version that has no such field.
func (c *connection) queuedRequests() int {
	queue := field(field(reflect.ValueOf(c.library), "mux"), "incomingRequests")
	if !isType[chan *gossh.Request](queue) {
		return 0
	}
	return queue.Len()
}
