// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"switchyard/client"
	"switchyard/client/contexts"
	"switchyard/client/show"
)

// program is what the commands share.
type program struct {
	in       *os.File
	out, err io.Writer
	getenv   func(string) string

	flags   contexts.Flags
	running bool // a command has begun: its line was understood
	code    int  // the exit code, where the error does not decide
}

func (p *program) root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "switchyard",
		Short: "Shell, files and ports of running containers, through one HTTPS port",
		Long: `switchyard reaches running containers with the ssh you have, through one controller.

  switchyard login https://controller.example:8443   once
  switchyard ls                                      what there is
  switchyard shell web                               a shell in the container "web"

The controller is the one that --context names, or --url, or SWITCHYARD_URL, or SWITCHYARD_CONTEXT,
or else the context that was used last.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := cmd.PersistentFlags()
	f.StringVar(&p.flags.Context, "context", "", "talk to the controller of this context")
	f.StringVar(&p.flags.URL, "url", "", "talk to the controller at this URL")
	f.StringVar(&p.flags.TokenFile, "token-file", "", "read the API token from this file")
	f.StringVar(&p.flags.CA, "ca", "", "believe the certificate authorities in this PEM file, and no others")
	cmd.RegisterFlagCompletionFunc("context", p.completeContexts)
	cmd.AddGroup(&cobra.Group{ID: "reach", Title: "Containers:"}, &cobra.Group{ID: "access", Title: "Controllers and who you are:"}, &cobra.Group{ID: "admin", Title: "Administration:"})
	p.addCommands(cmd)
	p.noteRunning(cmd)
	return cmd
}

// noteRunning has each command say when its line has been understood. What cobra itself has for that
// comes before it looks for required flags.
func (p *program) noteRunning(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			p.running = true
			return run(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		p.noteRunning(c)
	}
}

func (p *program) addCommands(root *cobra.Command) {
	for _, g := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{"reach", []*cobra.Command{p.shell(), p.connect(), p.ls(), p.container(), p.session(), p.configSSH(), p.knownHosts()}},
		{"access", []*cobra.Command{p.login(), p.logout(), p.context(), p.whoami()}},
		{"admin", []*cobra.Command{p.token(), p.user(), p.project(), p.settings()}},
		{"", []*cobra.Command{p.version()}},
	} {
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
}

// group makes a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q: see \"%s --help\"", args[0], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}

// dir is where the client keeps its files.
func (p *program) dir() (string, error) { return contexts.Dir(p.getenv) }

// selected is the controller that flags, environment and file name.
func (p *program) selected() (contexts.Selected, error) {
	dir, err := p.dir()
	if err != nil {
		return contexts.Selected{}, err
	}
	return contexts.Select(p.flags, p.getenv, dir)
}

// controller reaches the selected controller. The caller closes it.
func (p *program) controller() (*client.Controller, contexts.Selected, error) {
	s, err := p.selected()
	if err != nil {
		return nil, s, err
	}
	cfg, err := s.Config(version)
	if err != nil {
		return nil, s, err
	}
	c, err := client.New(cfg)
	return c, s, err
}

// with runs f on the selected controller.
func (p *program) with(f func(c *client.Controller, s contexts.Selected) error) error {
	c, s, err := p.controller()
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c, s)
}

// call is with for who does not care how the controller was selected.
func (p *program) call(f func(c *client.Controller) error) error {
	return p.with(func(c *client.Controller, _ contexts.Selected) error { return f(c) })
}

// note tells the user something on standard error, in one line.
func (p *program) note(format string, args ...any) {
	fmt.Fprintf(p.err, "switchyard: %s\n", show.Line(fmt.Sprintf(format, args...)))
}
