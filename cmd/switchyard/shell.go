// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/contexts"
	"switchyard/client/openssh"
)

func (p *program) shell() *cobra.Command {
	var (
		login    string
		patience client.Patience
	)
	cmd := &cobra.Command{
		Use:   "shell [flags] [LOGIN@]CONTAINER [ssh options] [command]",
		Short: "Run ssh to a container",
		Long: `shell runs the system's ssh to a container, with the container's host key verified and nothing asked.

What stands behind CONTAINER is ssh's: its options, then a command. Options that the verification of
the host rests on cannot be overridden; a key or a password of yours is never offered.

The exit code is ssh's, which is that of the command; 255 when ssh was not even started, 127 when
there is none on this machine.`,
		Example: `  switchyard shell web
  switchyard shell --user root web -L 8080:localhost:80
  switchyard shell web -t top`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: p.completeFirst,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.failAsSSH(p.runShell(cmd.Context(), args, login, patience))
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVar(&login, "user", "", "log in as this account of the container")
	addPatience(cmd, &patience)
	return cmd
}

// failAsSSH sets the exit code that ssh would have, had it failed to connect.
func (p *program) failAsSSH(err error) error {
	var missing openssh.MissingError
	switch {
	case errors.As(err, &missing):
		p.code = client.ExitNoSSH
	case err != nil:
		p.code = client.ExitShellFailure
	}
	return err
}

func (p *program) runShell(ctx context.Context, args []string, login string, patience client.Patience) error {
	ssh, err := openssh.Find()
	if err != nil {
		return err
	}
	inv := openssh.Invocation{Args: args[1:], Wait: patience.Wait, WaitLimit: patience.Limit}
	inv.Login, inv.Host = client.SplitLogin(args[0])
	if login != "" {
		inv.Login = login
	}
	if err := p.prepare(ctx, &inv, patience); err != nil {
		return err
	}
	argv, err := inv.Argv()
	if err != nil {
		return err
	}
	p.code, err = openssh.Run(ssh, argv)
	return err
}

// prepare asks the controller whether a session would be let in, and fills in what ssh needs for it.
func (p *program) prepare(ctx context.Context, inv *openssh.Invocation, patience client.Patience) error {
	return p.with(func(c *client.Controller, s contexts.Selected) error {
		ref, err := client.HostRef(inv.Host, s.Project)
		if err != nil {
			return err
		}
		record, err := p.probe(ctx, c, ref, patience)
		if err != nil {
			return err
		}
		inv.ContainerID, inv.HandOver = record.ID, s.HandOver
		if inv.KnownHosts, err = p.writeKnownHosts(ctx, c, s); err != nil {
			return err
		}
		inv.Self, err = self()
		return err
	})
}

func (p *program) probe(ctx context.Context, c *client.Controller, ref api.Ref, patience client.Patience) (record api.Container, err error) {
	if record, err = c.Container(ctx, ref); err != nil {
		return record, err
	}
	if err := c.CheckRecord(record); err != nil {
		return record, err
	}
	err = client.Wait(ctx, patience, func() error { return c.Probe(ctx, api.Ref(record.ID)) })
	return record, err
}

// writeKnownHosts keeps the host authority in a file of the context's own and returns its path.
func (p *program) writeKnownHosts(ctx context.Context, c *client.Controller, s contexts.Selected) (string, error) {
	line, err := hostAuthority(ctx, c, s, "*")
	if err != nil {
		return "", err
	}
	dir, err := p.dir()
	if err != nil {
		return "", err
	}
	return s.WriteKnownHosts(dir, line)
}
