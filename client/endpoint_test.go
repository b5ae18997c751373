// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"strings"
	"testing"
)

func TestEndpointHasOneCanonicalForm(t *testing.T) {
	for in, want := range map[string]string{
		"https://Controller.Example":        "https://controller.example",
		"https://controller.example:443/":   "https://controller.example",
		"https://controller.example:8443":   "https://controller.example:8443",
		"controller.example:8443":           "https://controller.example:8443",
		"127.0.0.1:8443":                    "https://127.0.0.1:8443",
		"https://[2001:db8::1]":             "https://[2001:db8::1]",
		"https://[2001:db8::1]:8443":        "https://[2001:db8::1]:8443",
		"http://localhost:8080":             "http://localhost:8080",
		"http://127.9.9.9":                  "http://127.9.9.9:80",
		"http://[::1]:1":                    "http://[::1]:1",
		"unix:///run/switchyard/switchyard": "unix:///run/switchyard/switchyard",
	} {
		e, err := ParseEndpoint(in)
		if err != nil || e.String() != want {
			t.Errorf("ParseEndpoint(%q) is %q, %v; want %q", in, e, err, want)
			continue
		}
		again, err := ParseEndpoint(e.String())
		if err != nil || again != e {
			t.Errorf("%q is not read as it was written: %v, %v", e, again, err)
		}
	}
}

func TestEndpointRefusesWhatWouldSendTheTokenAstray(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "is empty",
		"http://192.0.2.1":         "unencrypted",
		"http://localhost.example": "unencrypted",
		"http://127.0.0.1.example": "unencrypted",
		"tcp://127.0.0.1:2376":     "use https://127.0.0.1:2376",
		"ssh://host":               `scheme "ssh"`,
		"https://host/path":        `path "/path"`,
		"https://host?x=y":         "more than a host",
		"https://host#x":           "more than a host",
		"https://:8443":            "no host",
		"unix://host/path":         "names no socket",
		"unix:///":                 "names no socket",
		"https://u:hunter2@host":   "holds a password",
		"https://u:hunter2@ho st":  "holds a password",
		"https://host:port":        "is not one",
	} {
		_, err := ParseEndpoint(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseEndpoint(%q): %v, want %q", in, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"https://host:8443", "unix:///x", "http://[::1]", "a:b:c", "https://%41", "https://ho%20st", "unix:///a%2fb?c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseEndpoint(s)
		if err != nil {
			return
		}
		again, err := ParseEndpoint(e.String())
		if err != nil || again != e {
			t.Errorf("%q gives %+v, whose form %q gives %+v, %v", s, e, e, again, err)
		}
	})
}
