// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestPermitOpenDecidesWhereForwardsLead(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	for policy, want := range map[string]map[string]string{
		"any":      {"127.0.0.1": "", "localhost": "", "inside": ""},
		"loopback": {"127.0.0.1": "", "localhost": "", "inside": "only loopback addresses", "0.0.0.0": "only loopback addresses", "no-such-name.invalid": "only loopback addresses"},
		"none":     {"127.0.0.1": "you may not forward ports", "inside": "you may not forward ports"},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			name := "open-" + policy
			c := w.Run(t, name, world.ContainerOptions{Spec: rig.ContainerSpec{Hostname: "inside"}, RunnerArgs: []string{"--permit-open", policy}})
			c.Shell(t, "nc -ll -p 9 -e echo here </dev/null >/dev/null 2>&1 &")
			awaitListening(t, c, 9)
			for host, refused := range want {
				r := w.SSH(t, "-W", host+":9", "root@"+name)
				switch {
				case refused == "" && r.Stdout != "here\n":
					t.Errorf("%s: %q, stderr %q", host, r.Stdout, r.Stderr)
				case refused != "" && (r.Stdout != "" || !strings.Contains(r.Stderr, "administratively prohibited: "+refused)):
					t.Errorf("%s: %q, stderr %q, want it to be prohibited: %s", host, r.Stdout, r.Stderr, refused)
				}
			}
			if got := w.SSHOutput(t, "root@"+name, "echo a shell"); got != "a shell" {
				t.Errorf("a shell gives %q", got)
			}
		})
	}
}

func TestARunnerRefusesPoliciesThatThereAreNot(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	for flag, value := range map[string]string{"--permit-open": "all", "--gateway-ports": "maybe", "--streamlocal-unlink": "always"} {
		c := w.Register(t, "x"+strings.ReplaceAll(flag, "-", ""), world.ContainerOptions{RunnerArgs: []string{flag, value}})
		r := world.Finish(t, w.RunnerCommand(t, c))
		if r.Code != 2 || !strings.Contains(r.Stderr, strings.TrimPrefix(flag, "--")) || !strings.Contains(r.Stderr, value) {
			t.Errorf("%s %s: exit code %d, stderr %q", flag, value, r.Code, r.Stderr)
		}
	}
}
