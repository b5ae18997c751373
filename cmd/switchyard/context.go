// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"switchyard/client/contexts"
)

func (p *program) context() *cobra.Command {
	return group("context", "List and choose the controllers you are logged in to",
		p.contextList(), p.contextUse(), p.contextShow(), p.contextRemove())
}

// contextView is a context without its token.
type contextView struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	URL     string `json:"url"`
	Project string `json:"project,omitempty"`
	CA      string `json:"ca,omitempty"`
	HostCA  string `json:"host_ca,omitempty"`
}

func view(f *contexts.File, c contexts.Context) contextView {
	return contextView{Name: c.Name, Current: c.Name == f.Current, URL: c.URL, Project: c.Project, CA: c.CA, HostCA: c.HostCA}
}

// file reads the contexts.
func (p *program) file() (*contexts.File, error) {
	dir, err := p.dir()
	if err != nil {
		return nil, err
	}
	return contexts.Load(dir)
}

func (p *program) contextList() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "list", Short: "List the contexts", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := p.file()
			if err != nil {
				return err
			}
			var views []contextView
			for _, c := range f.Contexts {
				views = append(views, view(f, c))
			}
			return printList(p.out, output, views, []string{"CURRENT", "NAME", "URL", "PROJECT"}, contextRow)
		},
	}
	output.add(cmd)
	return cmd
}

func contextRow(v contextView) []string {
	mark := ""
	if v.Current {
		mark = "*"
	}
	return []string{mark, v.Name, v.URL, v.Project}
}

func (p *program) contextUse() *cobra.Command {
	return &cobra.Command{
		Use: "use CONTEXT", Short: "Make a context the current one", Args: cobra.ExactArgs(1),
		ValidArgsFunction: p.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := p.file()
			if err != nil {
				return err
			}
			if _, err := f.Get(args[0]); err != nil {
				return err
			}
			f.Current = args[0]
			return f.Save()
		},
	}
}

func (p *program) contextShow() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "show [CONTEXT]", Short: "Show a context, the current one by default, without its token", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: p.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := p.file()
			if err != nil {
				return err
			}
			c, err := named(f, append(args, p.flags.Context, p.getenv(contexts.EnvContext))...)
			if err != nil {
				return err
			}
			v := view(f, *c)
			return printRecord(p.out, output, v, contextFields(v))
		},
	}
	output.add(cmd)
	return cmd
}

func contextFields(v contextView) [][2]string {
	verified := "the system's authorities"
	if v.CA != "" {
		verified = "the authority saved with the context"
	}
	return [][2]string{
		{"name", v.Name}, {"current", strconv.FormatBool(v.Current)}, {"url", v.URL}, {"project", v.Project},
		{"verified with", verified}, {"host authority", v.HostCA},
	}
}

func (p *program) contextRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove CONTEXT", Short: "Forget a context and its token", Args: cobra.ExactArgs(1),
		ValidArgsFunction: p.completeContexts,
		RunE:              func(_ *cobra.Command, args []string) error { return p.forget(args[0]) },
	}
}

// forget removes a context, the current one when name is empty.
func (p *program) forget(name string) error {
	f, err := p.file()
	if err != nil {
		return err
	}
	c, err := named(f, name, p.getenv(contexts.EnvContext))
	if err != nil {
		return err
	}
	name = c.Name
	if err := f.Remove(name); err != nil {
		return err
	}
	if err := f.Save(); err != nil {
		return err
	}
	dir, err := p.dir()
	if err != nil {
		return err
	}
	if err := contexts.RemoveKnownHosts(dir, name); err != nil {
		return err
	}
	p.note("forgot the context %q", name)
	return nil
}

// named returns the context of the first name that is one, else the current context.
func named(f *contexts.File, names ...string) (*contexts.Context, error) {
	for _, n := range append(names, f.Current) {
		if n != "" {
			return f.Get(n)
		}
	}
	if len(f.Contexts) > 0 {
		return nil, fmt.Errorf("no context is the current one: name one of %v", f.Names())
	}
	return nil, errors.New("there is no context: run \"switchyard login\"")
}
