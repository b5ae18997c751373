// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/show"
)

func (p *program) project() *cobra.Command {
	return group("project", "Make and change projects and their members",
		p.projectCreate(), p.projectList(), p.projectShow(), p.projectUpdate(), p.projectRemove(),
		p.projectAddMember(), p.projectRemoveMember())
}

func (p *program) projectCreate() *cobra.Command {
	var (
		access switchFlag
		output outputFlag
	)
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a project, of which you are the owner", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.call(func(c *client.Controller) error {
				project, err := c.CreateProject(cmd.Context(), api.CreateProject{Name: args[0], ShellAccess: access.value})
				return p.printProject(output, project, err)
			})
		},
	}
	cmd.Flags().Var(&access, "shell-access", "false: no sessions in this project's containers")
	output.add(cmd)
	return cmd
}

func (p *program) printProject(o outputFlag, project api.Project, err error) error {
	if err != nil {
		return err
	}
	return printRecord(p.out, o, project, [][2]string{
		{"name", project.Name}, {"shell access", showSwitch(project.ShellAccess)},
		{"members", roles(project.Members)}, {"created", show.Time(&project.CreatedAt)},
	})
}

func (p *program) projectList() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "list", Short: "List the projects that you may see", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(p, output, []string{"NAME", "MEMBERS", "SHELL ACCESS", "AGE"}, projectRow, func(c *client.Controller) ([]api.Project, error) {
				return c.Projects(cmd.Context())
			})
		},
	}
	output.add(cmd)
	return cmd
}

func projectRow(v api.Project) []string {
	return []string{v.Name, strconv.Itoa(len(v.Members)), showSwitch(v.ShellAccess), show.Age(v.CreatedAt, time.Now())}
}

func (p *program) projectShow() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show a project and its members", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.call(func(c *client.Controller) error {
				project, err := c.Project(cmd.Context(), args[0])
				return p.printProject(output, project, err)
			})
		},
	}
	output.add(cmd)
	return cmd
}

func (p *program) projectUpdate() *cobra.Command {
	var (
		access switchChangeFlag
		output outputFlag
	)
	cmd := &cobra.Command{
		Use: "update NAME", Short: "Change a project", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.call(func(c *client.Controller) error {
				project, err := c.UpdateProject(cmd.Context(), args[0], api.UpdateProject{ShellAccess: access.change})
				return p.printProject(output, project, err)
			})
		},
	}
	cmd.Flags().Var(&access, "shell-access", "false: no sessions in this project's containers; default: as the installation decides")
	cmd.MarkFlagRequired("shell-access")
	output.add(cmd)
	return cmd
}

func (p *program) projectRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Delete a project that has no containers", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.call(func(c *client.Controller) error {
				return c.RemoveProject(cmd.Context(), args[0])
			})
		},
	}
}

func (p *program) projectAddMember() *cobra.Command {
	role := string(api.Member)
	cmd := &cobra.Command{
		Use: "add-member PROJECT USER", Short: "Give a user a role in a project, or another one", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch api.Role(role) {
			case api.Viewer, api.Member, api.Owner:
			default:
				return fmt.Errorf("there is no role %q: use %s, %s or %s", role, api.Viewer, api.Member, api.Owner)
			}
			return p.call(func(c *client.Controller) error {
				return c.SetMember(cmd.Context(), args[0], args[1], api.Role(role))
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", role, "viewer: sees containers; member: opens sessions, too; owner: registers and changes them, too")
	return cmd
}

func (p *program) projectRemoveMember() *cobra.Command {
	return &cobra.Command{
		Use: "remove-member PROJECT USER", Short: "Take a user's role in a project away", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.call(func(c *client.Controller) error {
				return c.RemoveMember(cmd.Context(), args[0], args[1])
			})
		},
	}
}
