// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"testing"

	"switchyard/api"
)

func TestHostRefReadsWhatSSHLeavesOfAName(t *testing.T) {
	const id = "0198c7de-93c1-7a43-8b4d-2f3fd3f0f6a5"
	for _, c := range []struct{ host, project, want string }{
		{"web", "", "web"},
		{"WEB", "", "web"},
		{"web", "shop", "web.shop"},
		{"web.other", "shop", "web.other"},
		{"Web.", "shop", "web.shop"},
		{"web.switchyard", "", "web"},
		{"web.switchyard", "shop", "web.shop"},
		{"Web.Other.Switchyard.", "shop", "web.other"},
		{"web.switchyard.switchyard", "", "web.switchyard"}, // a project older than the reservation
		{"switchyard", "", "switchyard"},
		{id + ".switchyard", "shop", id},
		{id, "shop", id},
		{"0198C7DE-93C1-7A43-8B4D-2F3FD3F0F6A5", "", id},
	} {
		if got, err := HostRef(c.host, c.project); err != nil || got != api.Ref(c.want) {
			t.Errorf("HostRef(%q, %q) is %q, %v; want %q", c.host, c.project, got, err, c.want)
		}
	}
	for _, host := range []string{"", ".", "-x", "a b", "a..b", "a.b.c", ".switchyard", "a.b.c.switchyard", "webswitchyard.x.y", "we\nb", "web;id"} {
		if got, err := HostRef(host, ""); err == nil {
			t.Errorf("HostRef(%q) is %q, want an error", host, got)
		}
	}
}

func TestTrimSuffixTakesOneSuffixOff(t *testing.T) {
	for _, c := range [][3]string{
		{"web.prod", "prod", "web"}, {"WEB.Prod.", "prod", "WEB"}, {"web.prod.prod", "prod", "web.prod"}, {"web", "prod", "web"},
		{"webprod", "prod", "webprod"}, {"prod", "prod", "prod"}, {".prod", "prod", ""}, {"", "prod", ""},
	} {
		if got := TrimSuffix(c[0], c[1]); got != c[2] {
			t.Errorf("TrimSuffix(%q, %q) is %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestSplitLoginCutsAtTheLastAt(t *testing.T) {
	for in, want := range map[string][2]string{
		"web": {"", "web"}, "alice@web": {"alice", "web"}, "a@b@web": {"a@b", "web"}, "@web": {"", "web"},
	} {
		if login, container := SplitLogin(in); login != want[0] || container != want[1] {
			t.Errorf("SplitLogin(%q) is %q, %q", in, login, container)
		}
	}
}
