// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"fmt"
	"strings"
	"testing"
)

const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestPlacesAreReadAsTheKernelWritesThem(t *testing.T) {
	var got []string
	for _, p := range parsePlaces([]byte("9:name=systemd:/a\n4:cpu,cpuacct:/b:c\n0::/d e\nnonsense\n1::/x\n\n")) {
		got = append(got, fmt.Sprintf("%q %s", p.controllers, p.path))
	}
	if want := `["name=systemd"] /a; ["cpu" "cpuacct"] /b:c; [] /d e`; strings.Join(got, "; ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), want)
	}
}

func TestTheFreezerIsPreferredThenThePidsThenVersion1(t *testing.T) {
	all := parsePlaces([]byte("0::/\n5:memory:/\n8:pids:/\n6:x,freezer:/\n3:name=systemd:/\n"))
	var got []string
	for _, p := range preferred(all) {
		got = append(got, p.String())
	}
	want := "cgroup v1's x,freezer; cgroup v1's pids; cgroup v1's memory; cgroup v1's name=systemd; cgroup v2"
	if strings.Join(got, "; ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), want)
	}
}

func TestADirectoryIsFoundByItsMount(t *testing.T) {
	all := parseMounts([]byte(`31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 /docker/part /mnt/a\040b rw shared:1 master:2 - cgroup cgroup rw,freezer
34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
35 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
short line
`))
	for line, want := range map[string]string{
		"1:cpuacct,cpu:/docker/x":       "/sys/fs/cgroup/cpu,cpuacct/docker/x",
		"1:freezer:/docker/part/x":      "/mnt/a b/x",
		"1:freezer:/docker/part":        "/mnt/a b",
		"1:freezer:/docker/partly":      "",
		"1:freezer:/":                   "",
		"1:name=systemd:/docker/x":      "/sys/fs/cgroup/systemd/docker/x",
		"0::/docker/x":                  "/sys/fs/cgroup/unified/docker/x",
		"0::/../../docker/x":            "", // of another cgroup namespace
		"1:pids:/docker/x":              "",
		"1:cpu,cpuacct,cpuset:/docker/": "",
	} {
		got, err := parsePlaces([]byte(line + "\n"))[0].directory(all)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestOnlyAContainersOwnCgroupIsTakenForIts(t *testing.T) {
	for path, want := range map[string]bool{
		"/docker/" + id: true, "/system.slice/docker-" + id + ".scope": true, "/": false,
		"/docker/" + id + "/init": false, "/docker/" + id[:63]: false,
	} {
		if got := (place{path: path}).ofContainer(id); got != want {
			t.Errorf("%q: got %v", path, got)
		}
	}
}

func TestAGroupIsNamedToARuntimeByItsHierarchy(t *testing.T) {
	for want, p := range map[string]place{
		"freezer:x": {controllers: []string{"freezer"}}, "cpu,cpuacct:x": {controllers: []string{"cpu", "cpuacct"}}, "x": {},
	} {
		if got := (&Tree{place: p}).Argument("x"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
