// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (p *program) version() *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use: "version", Short: "Print the program's version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				System  string `json:"system"`
				Go      string `json:"go"`
			}{version, runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
			if v.Version == "" {
				v.Version = "devel"
			}
			if output == "json" {
				return printRecord(p.out, output, v, nil)
			}
			_, err := fmt.Fprintf(p.out, "switchyard %s %s %s\n", v.Version, v.System, v.Go)
			return err
		},
	}
	output.add(cmd)
	return cmd
}
