// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/show"
)

func (p *program) ls() *cobra.Command {
	var (
		output outputFlag
		all    bool
		filter client.ContainerFilter
	)
	cmd := &cobra.Command{
		Use: "ls", Aliases: []string{"list"}, Short: "List the containers that you may see", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.call(func(c *client.Controller) error {
				items, err := c.ListContainers(cmd.Context(), filter, all)
				if err != nil {
					return err
				}
				return printList(p.out, output, items, containerHeader, containerRow(time.Now()))
			})
		},
	}
	output.add(cmd)
	cmd.Flags().BoolVarP(&all, "all", "a", false, "list those that have ended, too")
	cmd.Flags().StringVar(&filter.Project, "project", "", "list those of this project alone")
	return cmd
}

var containerHeader = []string{"NAME", "PROJECT", "STATE", "NODE", "OWNER", "AGE", "SESSIONS"}

func containerRow(now time.Time) func(api.Container) []string {
	return func(c api.Container) []string {
		return []string{c.Name, c.Project, stateOf(c), c.Node, c.Owner, show.Age(c.CreatedAt, now), strconv.Itoa(c.Sessions)}
	}
}

func stateOf(c api.Container) string {
	if c.State == api.Ended && c.ExitCode != nil {
		return string(c.State) + " (" + strconv.Itoa(*c.ExitCode) + ")"
	}
	return string(c.State)
}

func containerFields(c api.Container) [][2]string {
	return [][2]string{
		{"id", string(c.ID)}, {"name", c.Name}, {"project", c.Project}, {"owner", c.Owner}, {"state", stateOf(c)},
		{"node", c.Node}, {"docker id", c.DockerID}, {"exec", c.Exec}, {"exec reason", c.ExecReason}, {"runner address", c.RunnerAddress},
		{"labels", labels(c.Labels)}, {"shell access", showSwitch(c.ShellAccess)},
		{"sessions", strconv.Itoa(c.Sessions)}, {"reusable", strconv.FormatBool(c.Reusable)},
		{"created", show.Time(&c.CreatedAt)}, {"started", show.Time(c.StartedAt)}, {"ended", show.Time(c.EndedAt)},
		{"first opened", show.Time(c.OpenedAt)}, {"last opened", show.Time(c.LastOpenedAt)},
		{"host key", c.HostKey},
	}
}

func labels(m map[string]string) string {
	var pairs []string
	for k, v := range m {
		pairs = append(pairs, k+"="+v)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

// completeTimeout is how long a person waits for a completion before she types on.
const completeTimeout = 3 * time.Second

// completeContainers offers the names of containers, with the project where two have the same.
func (p *program) completeContainers(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), completeTimeout)
	defer cancel()
	var names []string
	p.call(func(c *client.Controller) (err error) { // a completion has nobody to tell errors
		names, err = c.CompleteContainers(ctx)
		return err
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeFirst is completeContainers, and files behind the first argument.
func (p *program) completeFirst(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return p.completeContainers(cmd, args, word)
}

func (p *program) completeContexts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	f, err := p.file()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return f.Names(), cobra.ShellCompDirectiveNoFileComp
}
