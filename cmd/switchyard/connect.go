// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/contexts"
	"switchyard/upgrade"
)

// defaultWait is how long --wait waits when --wait-timeout does not say.
const defaultWait = 10 * time.Minute

func addPatience(cmd *cobra.Command, w *client.Patience) {
	cmd.Flags().BoolVar(&w.Wait, "wait", false, "wait for a container that is queued")
	cmd.Flags().DurationVar(&w.Limit, "wait-timeout", defaultWait, "wait for so long, 0 for ever")
}

func (p *program) connect() *cobra.Command {
	var (
		patience client.Patience
		suffix   string
	)
	cmd := &cobra.Command{
		Use:   "connect CONTAINER",
		Short: "Join standard input and output to a container's SSH endpoint",
		Long: `connect is what ssh runs as its ProxyCommand. It writes the bytes of SSH to standard output and
nothing else; when it fails, it says why in one sentence on standard error.

CONTAINER is an id, a name, or name.project, with or without ".switchyard" behind it. HTTPS_PROXY and NO_PROXY are heeded.

Exit codes: 0 the connection ended in good order, 1 it broke, 2 wrong usage, 3 the token is refused,
4 not allowed, 5 no such container, 6 it has ended, 7 not now (queued, or too many), 8 the controller
is not reached or not trusted, 9 the container's runner is not reached.`,
		Example:           "  ssh -o ProxyCommand='switchyard connect %h' root@web",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeContainers,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runConnect(cmd, client.TrimSuffix(args[0], suffix), patience)
		},
	}
	addPatience(cmd, &patience)
	cmd.Flags().StringVar(&suffix, "suffix", "", "take this off the end of the name, too: the suffix of a block by config-ssh")
	return cmd
}

func (p *program) runConnect(cmd *cobra.Command, host string, patience client.Patience) error {
	return p.with(func(c *client.Controller, s contexts.Selected) error {
		ref, err := client.HostRef(host, s.Project)
		if err != nil {
			return err
		}
		conn, err := p.dial(cmd, c, ref, patience)
		if err != nil {
			return err
		}
		return client.Carry(conn, p.in, p.out)
	})
}

func (p *program) dial(cmd *cobra.Command, c *client.Controller, ref api.Ref, patience client.Patience) (conn *upgrade.Conn, err error) {
	err = client.Wait(cmd.Context(), patience, func() (err error) {
		conn, err = c.Dial(cmd.Context(), ref, client.LocalUser())
		return err
	})
	return conn, err
}
