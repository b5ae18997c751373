// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/show"
)

func (p *program) session() *cobra.Command {
	return group("session", "List and close sessions", p.sessionList(), p.sessionClose())
}

func (p *program) sessionList() *cobra.Command {
	var (
		filter     client.SessionFilter
		all, ended bool
		output     outputFlag
	)
	cmd := &cobra.Command{
		Use: "list", Short: "List the sessions that you may see", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case all:
				filter.State = api.SessionsAll
			case ended:
				filter.State = api.SessionsEnded
			}
			return list(p, output, []string{"ID", "USER", "CONTAINER", "PROJECT", "FROM", "STARTED", "ENDED", "IN", "OUT"}, sessionRow,
				func(c *client.Controller) ([]api.Session, error) { return c.Sessions(cmd.Context(), filter) })
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "list those that have ended, too")
	f.BoolVar(&ended, "ended", false, "list only those that have ended")
	f.StringVar(&filter.Project, "project", "", "list those in this project alone")
	f.StringVar(&filter.User, "user", "", "list those of this user alone")
	cmd.MarkFlagsMutuallyExclusive("all", "ended")
	output.add(cmd)
	return cmd
}

func sessionRow(s api.Session) []string {
	return []string{
		string(s.ID), s.User, s.Container, s.Project, s.ClientAddress,
		show.Time(&s.StartedAt), show.Time(s.EndedAt), show.Size(s.BytesIn), show.Size(s.BytesOut),
	}
}

func (p *program) sessionClose() *cobra.Command {
	return &cobra.Command{
		Use: "close ID...", Short: "Close live sessions", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return p.call(func(c *client.Controller) error {
				for _, id := range ids {
					if err := c.CloseSession(cmd.Context(), api.SessionID(id)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (p *program) settings() *cobra.Command {
	return group("settings", "Show and change the installation's switches", p.settingsShow(), p.settingsSet())
}

func (p *program) printSettings(o outputFlag, s api.Settings, err error) error {
	if err != nil {
		return err
	}
	return printRecord(p.out, o, s, [][2]string{{"shell access", string(s.ShellAccess)}})
}

func (p *program) settingsShow() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "show", Short: "Show the switches", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.call(func(c *client.Controller) error {
				s, err := c.Settings(cmd.Context())
				return p.printSettings(output, s, err)
			})
		},
	}
	output.add(cmd)
	return cmd
}

func (p *program) settingsSet() *cobra.Command {
	var (
		in     api.UpdateSettings
		access accessFlag
		output outputFlag
	)
	cmd := &cobra.Command{
		Use: "set", Short: "Change the switches", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in.ShellAccess = api.ShellAccess(access)
			return p.call(func(c *client.Controller) error {
				s, err := c.UpdateSettings(cmd.Context(), in)
				return p.printSettings(output, s, err)
			})
		},
	}
	cmd.Flags().Var(&access, "shell-access", "who may open sessions: nobody, admins, only in containers that ask for it, or in all that do not forbid it")
	cmd.Flags().BoolVar(&in.CloseSessions, "close-sessions", false, "close the sessions that the new setting would refuse")
	cmd.MarkFlagRequired("shell-access")
	output.add(cmd)
	return cmd
}
