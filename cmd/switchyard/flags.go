// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/show"
)

// outputFlag is -o: how a list or a record is printed.
type outputFlag string

func (o *outputFlag) Type() string   { return "table|json" }
func (o *outputFlag) String() string { return string(*o) }
func (o *outputFlag) Set(s string) error {
	if s != "table" && s != "json" {
		return fmt.Errorf("%q is neither table nor json", s)
	}
	*o = outputFlag(s)
	return nil
}

func (o *outputFlag) add(cmd *cobra.Command) {
	*o = "table"
	cmd.Flags().VarP(o, "output", "o", "print as this")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// printList prints items as -o says.
func printList[T any](w io.Writer, o outputFlag, items []T, header []string, row func(T) []string) error {
	if o == "json" {
		return show.List(w, items)
	}
	var rows [][]string
	for _, i := range items {
		rows = append(rows, row(i))
	}
	return show.Table(w, header, rows)
}

// list prints what get gets from the selected controller as -o says.
func list[T any](p *program, o outputFlag, header []string, row func(T) []string, get func(c *client.Controller) ([]T, error)) error {
	return p.call(func(c *client.Controller) error {
		items, err := get(c)
		if err != nil {
			return err
		}
		return printList(p.out, o, items, header, row)
	})
}

// printRecord prints one record as -o says.
func printRecord(w io.Writer, o outputFlag, v any, fields [][2]string) error {
	if o == "json" {
		return show.JSON(w, v)
	}
	return show.Fields(w, fields)
}

// switchFlag is a bool that may be left unsaid.
type switchFlag struct{ value *bool }

func (s *switchFlag) Type() string   { return "true|false" }
func (s *switchFlag) String() string { return showSwitch(s.value) }
func (s *switchFlag) Set(v string) error {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", v)
	}
	s.value = &b
	return nil
}

// switchChangeFlag is a change of a switch.
type switchChangeFlag struct{ change api.SwitchChange }

func (s *switchChangeFlag) Type() string { return "true|false|default" }

func (s *switchChangeFlag) String() string {
	switch value, set := s.change.Change(); {
	case !set:
		return ""
	case value == nil:
		return "default"
	default:
		return showSwitch(value)
	}
}

func (s *switchChangeFlag) Set(v string) error {
	if v == "default" {
		s.change = api.SetSwitch(nil)
		return nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return fmt.Errorf("%q is none of true, false, default", v)
	}
	s.change = api.SetSwitch(&b)
	return nil
}

func showSwitch(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

// labelsFlag collects key=value pairs.
type labelsFlag map[string]string

func (l labelsFlag) Type() string   { return "key=value" }
func (l labelsFlag) String() string { return "" }
func (l labelsFlag) Set(s string) error {
	k, v, ok := strings.Cut(s, "=")
	if !ok || k == "" {
		return fmt.Errorf("%q is not key=value", s)
	}
	l[k] = v
	return nil
}

// accessFlag is a value of the system-wide switch.
type accessFlag api.ShellAccess

func (a *accessFlag) Type() string   { return "disabled|admin|opt-in|opt-out" }
func (a *accessFlag) String() string { return string(*a) }
func (a *accessFlag) Set(s string) error {
	if !slices.Contains(api.ShellAccessValues, api.ShellAccess(s)) {
		return fmt.Errorf("%q is none of %v", s, api.ShellAccessValues)
	}
	*a = accessFlag(s)
	return nil
}
