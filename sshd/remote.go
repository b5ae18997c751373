// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

// place is what a client asked to listen on, in its own words: that is how it names it in a cancel, and how
// its channels name it to the client.
type place struct {
	path string // of a socket; empty: a port
	host string
	port uint16
}

func (p place) String() string {
	if p.path != "" {
		return "the socket " + quote(p.path)
	}
	return fmt.Sprintf("port %d of %s", p.port, quote(p.host))
}

// remoteForwards are the listeners that a client asked for.
type remoteForwards struct {
	mu   sync.Mutex // guards what follows; never held over I/O
	open map[place]net.Listener
	// reserved counts those that are about to be open, so that no more become open than may.
	reserved int
}

// reserve takes a place for one more listener. release gives it back, or keeps it for a listener.
func (r *remoteForwards) reserve(most int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.open) + r.reserved; n >= most {
		return fmt.Errorf("this connection listens in %d places, the most allowed: cancel one first", n)
	}
	r.reserved++
	return nil
}

// settle ends what reserve began. l is nil when nothing came of it. Where the target lets two listen in one place, as
// when a socket is taken over from its own listener, the former is returned: nobody could cancel it any more.
func (r *remoteForwards) settle(at place, l net.Listener) (former net.Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reserved--
	if l == nil {
		return nil
	}
	if r.open == nil {
		r.open = map[place]net.Listener{}
	}
	former = r.open[at]
	r.open[at] = l
	return former
}

// take removes a listener, nil when there is none.
func (r *remoteForwards) take(at place) net.Listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.open[at]
	delete(r.open, at)
	return l
}

// forget removes a listener that has ended.
func (r *remoteForwards) forget(at place, l net.Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[at] == l {
		delete(r.open, at)
	}
}

// answer is what a global request gets, and what begins once it has got it.
type answer struct {
	payload []byte
	begin   func()
}

// globalRequest makes a handler of the frame. The answer goes out before what it begins does: a client
// that has not read which port it was given knows nothing of channels from there.
func (c *connection) globalRequest(handle func(payload []byte) (answer, error)) ssh.RequestHandler {
	return func(_ ssh.Context, _ *ssh.Server, r *gossh.Request) (bool, []byte) {
		if !c.enter() {
			return false, nil
		}
		defer c.handlers.Done()
		a, err := handle(r.Payload)
		if err != nil {
			c.log.WithError(err).Infof("refusing the request %s", quote(r.Type))
		}
		r.Reply(err == nil, a.payload)
		r.WantReply = false // or the frame would answer it, too
		if a.begin != nil {
			a.begin()
		}
		return err == nil, nil
	}
}

// enter counts work of the connection until handlers.Done, unless the connection is over.
func (c *connection) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		return false
	}
	c.handlers.Add(1)
	return true
}

// mayListen says why nothing may be listened on for this client.
func (c *connection) mayListen() error {
	if !c.grant.Allows(api.FeatureRemoteForward) {
		return errors.New("you may not listen in " + c.cfg.TargetName)
	}
	return nil
}

// listen makes a listener and what serves it. open makes the listener and says in which place it is.
func (c *connection) listen(open func() (net.Listener, place, error), serve func(net.Listener, place)) (place, func(), error) {
	if err := c.mayListen(); err != nil {
		return place{}, nil, err
	}
	if err := c.remotes.reserve(c.cfg.MaxListeners); err != nil {
		return place{}, nil, err
	}
	l, at, err := open()
	if err != nil {
		c.remotes.settle(at, nil)
		return at, nil, err
	}
	if former := c.remotes.settle(at, l); former != nil {
		former.Close()
	}
	c.log.Debugf("listening on %v", at)
	return at, func() {
		c.handlers.Go(func() {
			defer c.remotes.forget(at, l)
			serve(l, at)
		})
	}, nil
}

// cancel stops to listen. The connections that were accepted before go on (RFC 4254 section 7.1).
func (c *connection) cancelListen(at place) error {
	l := c.remotes.take(at)
	if l == nil {
		return fmt.Errorf("nothing was asked to listen on %v", at)
	}
	c.log.Debugf("listening on %v no more", at)
	return l.Close()
}
