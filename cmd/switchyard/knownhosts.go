// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"switchyard/client"
	"switchyard/client/contexts"
	"switchyard/client/openssh"
)

// authorityOf is the line of the context's host authority, or of the controller's where none is saved.
func authorityOf(ctx context.Context, c *client.Controller, s contexts.Selected) (string, error) {
	if s.HostCA != "" {
		return s.HostCA, nil
	}
	a, err := c.Authorities(ctx)
	return a.Host, err
}

// hostAuthority is the known_hosts line of that authority.
func hostAuthority(ctx context.Context, c *client.Controller, s contexts.Selected, pattern string) (string, error) {
	authority, err := authorityOf(ctx, c, s)
	if err != nil {
		return "", err
	}
	return openssh.KnownHostsLine(pattern, authority)
}

// asked is what ssh asks a KnownHostsCommand.
type asked struct{ host, suffix, certificate string }

func (p *program) knownHosts() *cobra.Command {
	var ask asked
	cmd := &cobra.Command{
		Use:   "known-hosts [PATTERN...]",
		Short: "Print the line for known_hosts that makes ssh verify containers",
		Long: `known-hosts prints the line that makes ssh believe the host keys that the controller has certified, for
those who write their own ssh_config. PATTERN says for which hosts, as in known_hosts; it is * when
left out, which is right only for a file that is used for containers alone.

With --certificate it is the KnownHostsCommand of a block that config-ssh has written: it checks the
certificate that ssh was shown, and prints a line with the key in it, or says why not.`,
		Example: "  switchyard known-hosts > ~/.ssh/known_hosts.switchyard",
		RunE: func(cmd *cobra.Command, patterns []string) error {
			if ask.certificate != "" {
				return p.answerSSH(cmd.Context(), ask)
			}
			return p.printKnownHosts(cmd.Context(), patterns)
		},
	}
	f := cmd.Flags()
	f.StringVar(&ask.certificate, "certificate", "", "check this host certificate, in base64")
	f.StringVar(&ask.host, "host", "", "whether it is that of this host")
	f.StringVar(&ask.suffix, "suffix", "", "take this off the end of the host's name first")
	cmd.MarkFlagsRequiredTogether("certificate", "host")
	return cmd
}

func (p *program) printKnownHosts(ctx context.Context, patterns []string) error {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	return p.with(func(c *client.Controller, s contexts.Selected) error {
		for _, pattern := range patterns {
			line, err := hostAuthority(ctx, c, s, pattern)
			if err != nil {
				return err
			}
			fmt.Fprint(p.out, line)
		}
		return nil
	})
}

// noKey is what ssh has for %K before it was shown any, ssh_config(5).
const noKey = "NONE"

func (p *program) answerSSH(ctx context.Context, ask asked) error {
	if ask.certificate == noKey {
		return nil
	}
	return p.with(func(c *client.Controller, s contexts.Selected) error {
		authority, err := authorityOf(ctx, c, s)
		if err != nil {
			return err
		}
		host, err := client.HostRef(client.TrimSuffix(ask.host, ask.suffix), "")
		if err != nil {
			return err
		}
		line, err := openssh.CertifiedKey(authority, string(host), ask.certificate, time.Now())
		if err != nil {
			// ssh refuses a host that it is told nothing of, in words of its own. Towards a command that
			// fails it prints the whole command line instead.
			p.note("%v", err)
			return nil
		}
		_, err = fmt.Fprint(p.out, line)
		return err
	})
}
