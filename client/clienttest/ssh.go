// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clienttest

import (
	"io"
	"net"
	"net/http"
	"time"

	"switchyard/api"
	"switchyard/upgrade"
)

// Containers says what an upgrade to each container meets.
const Containers = `
web      an echo: what it gets it sends back, and then its end
greeting an echo that sends "SSH-2.0-greeting" in one write with the 101
farewell sends "farewell" and its end at once, then reads to the end
count    sends nothing before the client's end, then how many bytes came
abort    resets the connection after the first byte
flood    sends without end
queued   not running yet, ever
soon     not running yet at the first try
ended, off, viewer, far, busy, draining, twice   the refusal of that name
`

// refusal is what keeps a container from being entered.
func (c *Controller) refusal(v api.Container, try int) *api.Problem {
	p := refusals()[v.Name]
	if v.Name == "soon" && try < 1 {
		p = refusals()["queued"]
	}
	return p
}

func refusals() map[string]*api.Problem {
	queued := api.NewProblem(503, api.CodeQueued, "Not yet", "container \"queued.shop\" is not running yet")
	queued.RetryAfter = time.Second
	busy := api.NewProblem(429, api.CodeTooMany, "Too many", "you have 10 sessions open, which is the most for one user: close one that \"switchyard session list\" shows, and try again")
	busy.RetryAfter = 5 * time.Second
	draining := api.NewProblem(503, api.CodeDraining, "Stopping", "the controller is stopping")
	draining.RetryAfter = time.Second
	far := api.NewProblem(502, api.CodeRunner, "Not reached", "the runner on node \"n1\" did not answer")
	far.Node = "n1"
	return map[string]*api.Problem{
		"queued": queued, "busy": busy, "draining": draining, "far": far,
		"ended":  api.NewProblem(410, api.CodeEnded, "Ended", "container \"ended.shop\" has ended at 2026-01-01 00:00:00 UTC with exit code 3"),
		"off":    api.NewProblem(403, api.CodeShellOff, "Off", "shell access is off for container \"off.shop\": an owner of project \"shop\" can switch it on"),
		"viewer": api.NewProblem(403, api.CodeForbidden, "No", "a viewer of project \"shop\" may not open a session: ask an owner to make you a member"),
		"twice":  api.NewProblem(409, api.CodeAmbiguous, "Which?", "there are containers \"twice\" in the projects \"a\" and \"b\": say which, such as twice.a"),
	}
}

func (c *Controller) probe(w http.ResponseWriter, r *http.Request) {
	if c.opt.NoProbe {
		refuse(w, api.NewProblem(405, api.CodeMethodNotAllowed, "No", "GET is not for this path"))
		return
	}
	v, ok := c.found(w, r)
	if !ok {
		return
	}
	if p := c.refusal(v, c.try(v.Name)); p != nil {
		refuse(w, p)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// try counts the tries to enter a container, from 0.
func (c *Controller) try(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries[name]++
	return c.tries[name] - 1
}

func (c *Controller) ssh(w http.ResponseWriter, r *http.Request) {
	v, ok := c.found(w, r)
	if !ok {
		return
	}
	c.mu.Lock()
	raw, isRaw := c.raw[v.Name]
	c.mu.Unlock()
	if isRaw {
		answerRaw(w, raw)
		return
	}
	if err := upgrade.Check(r, api.ProtocolSSH); err != nil {
		refuse(w, api.NewProblem(426, api.CodeUpgradeRequired, "Upgrade", "%v", err))
		return
	}
	if p := c.refusal(v, c.try(v.Name)); p != nil {
		refuse(w, p)
		return
	}
	c.enter(w, v.Name)
}

func answerRaw(w http.ResponseWriter, raw string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, raw)
}

func (c *Controller) enter(w http.ResponseWriter, name string) {
	if name == "greeting" {
		c.greet(w)
		return
	}
	conn, err := upgrade.Accept(w, api.ProtocolSSH, http.Header{api.HeaderSession: {newID()}})
	if err != nil {
		return
	}
	c.keep(conn)
	defer c.drop(conn)
	c.behave(name, conn)
}

// greet writes the 101 and the first bytes of SSH as one.
func (c *Controller) greet(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	c.keep(conn)
	defer c.drop(conn)
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ssh\r\n\r\nSSH-2.0-greeting\r\n")
	io.Copy(conn, conn)
}

func (c *Controller) behave(name string, conn *upgrade.Conn) {
	switch name {
	case "farewell":
		io.WriteString(conn, "farewell")
		conn.CloseWrite()
		io.Copy(io.Discard, conn)
	case "count":
		n, _ := io.Copy(io.Discard, conn)
		io.WriteString(conn, itoa(n))
		conn.CloseWrite()
	case "abort":
		// A write that met the reset would take the error, and leave the read a plain end.
		io.Copy(io.Discard, onlyReader{conn})
		abort(conn)
	case "flood":
		for {
			if _, err := conn.Write(make([]byte, 16<<10)); err != nil {
				return
			}
		}
	default:
		io.Copy(conn, onlyReader{conn})
		conn.CloseWrite()
		io.Copy(io.Discard, conn)
	}
}

type onlyReader struct{ io.Reader }

func (c *Controller) keep(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[conn] = struct{}{}
}

func (c *Controller) drop(conn net.Conn) {
	c.mu.Lock()
	delete(c.conns, conn)
	c.mu.Unlock()
	conn.Close()
}
