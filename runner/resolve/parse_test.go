// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const hostsFile = `# made by the engine
127.0.0.1	localhost loop
::1	localhost ip6-localhost
10.0.0.5 Web.Test web # the web
10.0.0.6 web web
10.0.0.5 web
::ffff:10.0.0.7 mapped
300.1.1.1 broken
10.0.0.8
10.0.0.9 dotted.
# 10.0.0.10 web
`

func texts(addresses []netip.Addr) string {
	var all []string
	for _, a := range addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

func TestHostsAreFoundByAnyOfTheirNames(t *testing.T) {
	for name, want := range map[string]string{
		"localhost": "127.0.0.1 ::1", "LOOP": "127.0.0.1", "web": "10.0.0.5 10.0.0.6", "web.test.": "10.0.0.5",
		"mapped": "10.0.0.7", "dotted": "10.0.0.9", "broken": "", "the": "", "": "", "10.0.0.8": "",
	} {
		if got := texts(ParseHosts([]byte(hostsFile), name)); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestConfSaysWhatTheFileSays(t *testing.T) {
	for text, want := range map[string]string{
		"": "[127.0.0.1:53] [] 1 5s 2 false",
		"nameserver 127.0.0.11\nsearch a.test b.test.\noptions ndots:0 timeout:3 attempts:4 edns0 trust-ad\n": "[127.0.0.11:53] [a.test. b.test.] 0 3s 4 false",
		"domain x.test\nsearch y.test\n":                                                     "[127.0.0.1:53] [y.test.] 1 5s 2 false",
		"search y.test z.test\ndomain x.test w.test\n":                                       "[127.0.0.1:53] [x.test.] 1 5s 2 false",
		"search .\noptions ndots:99 timeout:0 attempts:99 use-vc":                            "[127.0.0.1:53] [] 15 1s 5 true",
		"nameserver a\nnameserver ::1\n;nameserver 1.1.1.1\n#x\nnameserver":                  "[[::1]:53] [] 1 5s 2 false",
		"nameserver 1.0.0.1\nnameserver 1.0.0.2 # x\nnameserver 1.0.0.3\nnameserver 1.0.0.4": "[1.0.0.1:53 1.0.0.2:53 1.0.0.3:53] [] 1 5s 2 false",
		"options ndots:-1 timeout:x attempts: ndots:99999999999":                             "[127.0.0.1:53] [] 1 5s 2 false",
	} {
		c := ParseConf([]byte(text))
		if got := fmt.Sprint(c.Servers, c.Search, c.Ndots, c.Timeout, c.Attempts, c.TCP); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestSearchFollowsTheDots(t *testing.T) {
	for name, want := range map[string]string{
		"web": "web.a. web.b. web.", "web.test": "web.test.a. web.test.b. web.test.", "a.b.c": "a.b.c. a.b.c.a. a.b.c.b.", "web.": "web.",
	} {
		c := Conf{Search: []string{"a.", "b."}, Ndots: 2}
		if got := strings.Join(c.candidates(name), " "); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzParseHosts(f *testing.F) {
	f.Add([]byte(hostsFile), "web")
	f.Add([]byte("1.2.3.4 \xff\x00"), "\xff\x00")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		found := ParseHosts(text, name)
		if len(found) > maxAddresses {
			t.Fatalf("%d addresses", len(found))
		}
		for i, a := range found {
			if !a.IsValid() || slices.Contains(found[:i], a) {
				t.Fatalf("address %v of %v", a, found)
			}
		}
	})
}

func FuzzParseConf(f *testing.F) {
	f.Add([]byte("nameserver 127.0.0.11\nsearch a b\noptions ndots:2 timeout:1 attempts:3 use-vc\n"))
	f.Add([]byte("domain\x00\nsearch . ..\noptions ndots:18446744073709551616"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := ParseConf(text)
		if n := len(c.Servers); n < 1 || n > maxServers || len(c.Search) > maxSearch {
			t.Fatalf("%+v", c)
		}
		if c.Timeout < time.Second || c.Timeout > maxTimeout*time.Second || c.Attempts < 1 || c.Attempts > maxAttempts || c.Ndots < 0 || c.Ndots > maxNdots {
			t.Fatalf("%+v", c)
		}
	})
}
