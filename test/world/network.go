// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"switchyard/test/rig"
)

// Network is a network namespace with one link to this machine, which can be cut.
type Network struct {
	Name      string // of the namespace, and of the link's end on this machine, of at most 15 bytes
	Near, Far string // the addresses of the link's ends, this machine's first
}

// testNets are the networks for documentation (RFC 5737), which lead nowhere else. A machine that uses
// one for itself has another left.
var testNets = []string{"192.0.2", "198.51.100", "203.0.113"}

// linkPrefix begins the names of our links, and of nobody else's.
const linkPrefix = "swy-"

// linksPerNet is how many links of four addresses each have room in one of testNets.
const linksPerNet = 64

// NewNetwork makes a network until the test ends. It needs root.
func NewNetwork(tb testing.TB) *Network {
	tb.Helper()
	rig.NeedRoot(tb)
	ip := rig.NeedTool(tb, "ip")
	n := claimNetwork(tb, ip, freeNet(tb))
	run := func(args ...string) {
		tb.Helper()
		if out, err := exec.Command(ip, args...).CombinedOutput(); err != nil {
			tb.Fatalf("ip %q: %v: %s", args, err, out)
		}
	}
	run("link", "add", n.Name, "type", "veth", "peer", "name", "eth0", "netns", n.Name)
	run("addr", "add", n.Near+"/30", "dev", n.Name)
	run("link", "set", n.Name, "up")
	run("-n", n.Name, "addr", "add", n.Far+"/30", "dev", "eth0")
	run("-n", n.Name, "link", "set", "eth0", "up")
	return n
}

// claimNetwork makes the namespace, whose name says which addresses are taken: of tests that run at once, one gets it.
func claimNetwork(tb testing.TB, ip string, number int) *Network {
	tb.Helper()
	var said []byte
	for i := range linksPerNet {
		n := &Network{
			Name: fmt.Sprintf("%s%d-%d", linkPrefix, number, i),
			Near: fmt.Sprintf("%s.%d", testNets[number], 4*i+1), Far: fmt.Sprintf("%s.%d", testNets[number], 4*i+2),
		}
		var err error
		if said, err = exec.Command(ip, "netns", "add", n.Name).CombinedOutput(); err == nil {
			tb.Cleanup(func() {
				exec.Command(ip, "link", "del", n.Name).Run()
				exec.Command(ip, "netns", "del", n.Name).Run()
			})
			return n
		}
	}
	tb.Fatalf("no network namespace can be made: %s", said)
	return nil
}

// freeNet is the number of a test network that this machine does not use, but for our links.
func freeNet(tb testing.TB) int {
	tb.Helper()
	links, err := net.Interfaces()
	if err != nil {
		tb.Fatal(err)
	}
	var used string
	for _, l := range links {
		if !strings.HasPrefix(l.Name, linkPrefix) {
			addresses, _ := l.Addrs()
			used += fmt.Sprint(addresses)
		}
	}
	for number, prefix := range testNets {
		if !strings.Contains(used, prefix+".") {
			return number
		}
	}
	tb.Fatalf("this machine uses all of %v: %s", testNets, used)
	return 0
}

// Cut takes the link down: nothing arrives any more, and nobody is told.
func (n *Network) Cut(tb testing.TB) { tb.Helper(); n.set(tb, "down") }

// Mend takes the link up again.
func (n *Network) Mend(tb testing.TB) { tb.Helper(); n.set(tb, "up") }

func (n *Network) set(tb testing.TB, state string) {
	tb.Helper()
	if out, err := exec.Command(rig.NeedTool(tb, "ip"), "link", "set", n.Name, state).CombinedOutput(); err != nil {
		tb.Fatalf("taking the network %s: %v: %s", state, err, out)
	}
}

// In makes a command run in the network's namespace.
func (n *Network) In(tb testing.TB, c *exec.Cmd) {
	tb.Helper()
	c.Path = rig.NeedTool(tb, "ip")
	c.Args = append([]string{"ip", "netns", "exec", n.Name}, c.Args...)
}
