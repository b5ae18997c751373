// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/contexts"
	"switchyard/client/show"
)

func (p *program) container() *cobra.Command {
	return group("container", "Register, show, change and end containers",
		p.containerRegister(), p.containerKey(), p.containerShow(), p.containerUpdate(), p.containerEnd(), p.containerRemove())
}

// withContainer runs f on the container that a person named.
func (p *program) withContainer(name string, f func(c *client.Controller, ref api.Ref) error) error {
	return p.with(func(c *client.Controller, s contexts.Selected) error {
		ref, err := client.HostRef(name, s.Project)
		if err != nil {
			return err
		}
		return f(c, ref)
	})
}

func (p *program) containerRegister() *cobra.Command {
	var (
		in      = api.CreateContainer{Labels: map[string]string{}}
		access  switchFlag
		keyFile string
	)
	cmd := &cobra.Command{
		Use:   "register NAME",
		Short: "Make the record of a container and print its id",
		Long: `register makes the record of a container that is to run, and prints its id on standard output.

The container's runner needs the container's key: --key-file writes it to a new file of mode 0600, and
"-" prints it on a second line behind the id. "switchyard container key" gets it later.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Name, in.ShellAccess = args[0], access.value
			return p.handOut(keyFile, func() (string, error) { return p.register(cmd, in, keyFile != "") })
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Project, "project", "", "put it into this project")
	f.StringVar(&in.DockerID, "docker-id", "", "the id that the container engine has for it")
	f.Var(labelsFlag(in.Labels), "label", "a label; may be repeated")
	f.Var(&access, "shell-access", "allow or forbid sessions (default: as the installation decides)")
	f.StringVar(&keyFile, "key-file", "", "write the container key to this new file, \"-\" for standard output")
	return cmd
}

// register makes the record, prints its id and returns its key.
func (p *program) register(cmd *cobra.Command, in api.CreateContainer, keyWanted bool) (key string, err error) {
	err = p.with(func(c *client.Controller, s contexts.Selected) error {
		if in.Project == "" {
			in.Project = s.Project
		}
		created, err := c.CreateContainer(cmd.Context(), in)
		if err != nil {
			return err
		}
		key = created.ContainerKey
		if !keyWanted {
			p.note("the runner needs the container's key: \"switchyard container key %s --key-file FILE\" writes it", show.Line(string(created.ID)))
		}
		_, err = fmt.Fprintln(p.out, show.Line(string(created.ID)))
		return err
	})
	return key, err
}

func (p *program) containerKey() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use: "key CONTAINER", Short: "Write the key that a container's runner needs", Args: cobra.ExactArgs(1),
		ValidArgsFunction: p.completeContainers,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.handOut(keyFile, func() (key string, err error) {
				err = p.withContainer(args[0], func(c *client.Controller, ref api.Ref) (err error) {
					key, err = c.ContainerKey(cmd.Context(), ref)
					return err
				})
				return key, err
			})
		},
	}
	cmd.Flags().StringVar(&keyFile, "key-file", "", "write the key to this new file, mode 0600; \"-\" for standard output")
	cmd.MarkFlagRequired("key-file")
	return cmd
}

func (p *program) containerShow() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "show CONTAINER", Short: "Show a container's record", Args: cobra.ExactArgs(1),
		ValidArgsFunction: p.completeContainers,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withContainer(args[0], func(c *client.Controller, ref api.Ref) error {
				record, err := c.Container(cmd.Context(), ref)
				return p.printContainer(output, record, err)
			})
		},
	}
	output.add(cmd)
	return cmd
}

func (p *program) printContainer(o outputFlag, record api.Container, err error) error {
	if err != nil {
		return err
	}
	return printRecord(p.out, o, record, containerFields(record))
}

func (p *program) containerUpdate() *cobra.Command {
	var (
		in     api.UpdateContainer
		access switchChangeFlag
		labels = labelsFlag{}
		output outputFlag
	)
	cmd := &cobra.Command{
		Use: "update CONTAINER", Short: "Change a container's record", Args: cobra.ExactArgs(1),
		ValidArgsFunction: p.completeContainers,
		RunE: func(cmd *cobra.Command, args []string) error {
			in.ShellAccess = access.change
			if len(labels) > 0 {
				in.Labels = labels
			}
			return p.withContainer(args[0], func(c *client.Controller, ref api.Ref) error {
				record, err := c.UpdateContainer(cmd.Context(), ref, in)
				return p.printContainer(output, record, err)
			})
		},
	}
	cmd.Flags().Var(&access, "shell-access", "allow or forbid sessions; default: as the installation decides")
	cmd.Flags().Var(labels, "label", "a label; may be repeated, and replaces all that there are")
	cmd.MarkFlagsOneRequired("shell-access", "label")
	output.add(cmd)
	return cmd
}

func (p *program) containerEnd() *cobra.Command {
	var (
		exitCode int
		output   outputFlag
	)
	cmd := &cobra.Command{
		Use: "end CONTAINER", Short: "Say that a container has ended", Args: cobra.ExactArgs(1),
		ValidArgsFunction: p.completeContainers,
		RunE: func(cmd *cobra.Command, args []string) error {
			var in api.EndContainer
			if cmd.Flags().Changed("exit-code") {
				in.ExitCode = &exitCode
			}
			return p.withContainer(args[0], func(c *client.Controller, ref api.Ref) error {
				record, err := c.EndContainer(cmd.Context(), ref, in)
				return p.printContainer(output, record, err)
			})
		},
	}
	cmd.Flags().IntVar(&exitCode, "exit-code", 0, "its exit code, when it is known")
	output.add(cmd)
	return cmd
}

func (p *program) containerRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove CONTAINER...", Short: "Delete the records of containers that have ended", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				err := p.withContainer(name, func(c *client.Controller, ref api.Ref) error {
					return c.RemoveContainer(cmd.Context(), ref)
				})
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}
