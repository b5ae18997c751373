// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/show"
)

func (p *program) whoami() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "whoami", Short: "Show who the controller takes you for", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.call(func(c *client.Controller) error {
				who, err := c.Whoami(cmd.Context())
				if err != nil {
					return err
				}
				return printRecord(p.out, output, who, whoamiFields(c, who))
			})
		},
	}
	output.add(cmd)
	return cmd
}

func whoamiFields(c *client.Controller, who api.Whoami) [][2]string {
	return [][2]string{
		{"user", who.User}, {"admin", strconv.FormatBool(who.Admin)}, {"controller", c.Endpoint().String()},
		{"token", string(who.TokenID)}, {"token expires", show.Time(who.ExpiresAt)}, {"projects", roles(who.Projects)},
	}
}

// roles lists names with their roles, "alice (owner), bob (member)".
func roles(m map[string]api.Role) string {
	var all []string
	for name, role := range m {
		all = append(all, name+" ("+string(role)+")")
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (p *program) user() *cobra.Command {
	return group("user", "Make, list, disable and enable users",
		p.userCreate(), p.userList(),
		p.userSwitch("disable USER", "Refuse all tokens of a user", true),
		p.userSwitch("enable USER", "Accept a user's tokens again", false))
}

func (p *program) userCreate() *cobra.Command {
	var (
		in     api.CreateUser
		output outputFlag
	)
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a user", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Name = args[0]
			return p.call(func(c *client.Controller) error {
				u, err := c.CreateUser(cmd.Context(), in)
				return p.printUser(output, u, err)
			})
		},
	}
	cmd.Flags().BoolVar(&in.Admin, "admin", false, "make it an admin, who may do everything")
	output.add(cmd)
	return cmd
}

func (p *program) printUser(o outputFlag, u api.User, err error) error {
	if err != nil {
		return err
	}
	return printRecord(p.out, o, u, [][2]string{
		{"name", u.Name}, {"admin", strconv.FormatBool(u.Admin)}, {"disabled", strconv.FormatBool(u.Disabled)}, {"created", show.Time(&u.CreatedAt)},
	})
}

func (p *program) userList() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "list", Short: "List the users", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(p, output, []string{"NAME", "ADMIN", "DISABLED", "AGE"}, userRow, func(c *client.Controller) ([]api.User, error) {
				return c.Users(cmd.Context())
			})
		},
	}
	output.add(cmd)
	return cmd
}

func userRow(u api.User) []string {
	return []string{u.Name, strconv.FormatBool(u.Admin), strconv.FormatBool(u.Disabled), show.Age(u.CreatedAt, time.Now())}
}

func (p *program) userSwitch(use, short string, disabled bool) *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.call(func(c *client.Controller) error {
				u, err := c.UpdateUser(cmd.Context(), args[0], api.UpdateUser{Disabled: &disabled})
				return p.printUser(output, u, err)
			})
		},
	}
	output.add(cmd)
	return cmd
}
