// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"io"
	"strings"
	"text/tabwriter"
)

// Table prints rows under a header. Cells are escaped; an empty one is a dash, so that columns can be
// counted.
func Table(w io.Writer, header []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = cell(c)
		}
		io.WriteString(t, strings.Join(cells, "\t")+"\n") // Flush reports
	}
	return t.Flush()
}

// Fields prints the fields of one record, a line each; those without a value are left out.
func Fields(w io.Writer, fields [][2]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range fields {
		if f[1] != "" {
			io.WriteString(t, f[0]+"\t"+Line(f[1])+"\n") // Flush reports
		}
	}
	return t.Flush()
}

func cell(s string) string {
	if s = Line(s); s == "" {
		return "-"
	}
	return s
}
