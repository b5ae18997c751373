// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/spf13/cobra"

	"switchyard/client"
	"switchyard/client/contexts"
)

func (p *program) login() *cobra.Command {
	var name, project string
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "Save a controller and the token for it as a context",
		Long: `login saves the controller at URL, and the token for it, as a context that commands use from then on.

The token comes from --token-file ("-" is standard input), from SWITCHYARD_TOKEN or
SWITCHYARD_TOKEN_FILE, or else from a prompt. It is never given on the command line.

The controller's certificate is verified before the token is sent: with the authorities of --ca, or
with the system's, or, when those do not know it, with the controller's own authority. That one is
believed only if the controller proves, on that very connection, that it issued the token; it is then
saved with the context.

URL is https://host:port, or unix:///path for a socket of this machine.`,
		Example: "  switchyard login https://controller.example:8443 --token-file token",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return p.runLogin(cmd, args[0], name, project) },
	}
	cmd.Flags().StringVar(&name, "name", "", "name the context so (default: the host's name)")
	cmd.Flags().StringVar(&project, "project", "", "look for containers without a project in this one")
	return cmd
}

func (p *program) runLogin(cmd *cobra.Command, url, name, project string) error {
	dir, err := p.dir()
	if err != nil {
		return err
	}
	file, err := contexts.Load(dir)
	if err != nil {
		return err
	}
	ctx, cfg, err := p.newContext(file, url, name)
	if err != nil {
		return err
	}
	id, err := client.Identify(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	ctx.CA, ctx.HostCA, ctx.Project = string(id.CA), id.HostCA, project
	file.Put(ctx)
	if err := file.Save(); err != nil {
		return err
	}
	if err := p.renewKnownHosts(dir, ctx); err != nil {
		return err
	}
	p.note("logged in to %s as %s, context %q", cfg.Endpoint, id.Whoami.User, ctx.Name)
	return nil
}

// renewKnownHosts has an ssh that was configured for the context believe the authority that it has now.
func (p *program) renewKnownHosts(dir string, c contexts.Context) error {
	s := contexts.Selected{Context: c}
	if _, err := os.Stat(s.KnownHostsPath(dir)); err != nil || c.HostCA == "" {
		return nil
	}
	return p.keepKnownHosts(dir, s)
}

// newContext collects what is known before the controller is asked.
func (p *program) newContext(file *contexts.File, url, name string) (c contexts.Context, cfg client.Config, err error) {
	endpoint, err := client.ParseEndpoint(url)
	if err != nil {
		return c, cfg, err
	}
	if name == "" {
		name = file.NameFor(endpoint)
	}
	if err := contexts.CheckName(name); err != nil {
		return c, cfg, err
	}
	token, err := contexts.LoginToken(p.flags.TokenFile, p.getenv, p.in, p.err)
	if err != nil {
		return c, cfg, err
	}
	cfg = client.Config{Endpoint: endpoint, Token: token, Version: version}
	if p.flags.CA != "" {
		cfg.CA, err = os.ReadFile(p.flags.CA)
	}
	return contexts.Context{Name: name, URL: endpoint.String(), Token: token}, cfg, err
}

func (p *program) logout() *cobra.Command {
	var revoke bool
	cmd := &cobra.Command{
		Use:   "logout [CONTEXT]",
		Short: "Forget a context, the current one by default, and its token",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				p.flags.Context = args[0]
			}
			if revoke {
				if err := p.revokeOwn(cmd); err != nil {
					return err
				}
			}
			return p.forget(p.flags.Context)
		},
		ValidArgsFunction: p.completeContexts,
	}
	cmd.Flags().BoolVar(&revoke, "revoke", false, "revoke the token on the controller as well")
	return cmd
}

func (p *program) revokeOwn(cmd *cobra.Command) error {
	return p.call(func(c *client.Controller) error {
		who, err := c.Whoami(cmd.Context())
		if err != nil {
			return err
		}
		return c.RevokeToken(cmd.Context(), who.TokenID)
	})
}
