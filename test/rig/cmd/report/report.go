// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is one line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

// report is the state of one run.
type report struct {
	out                     io.Writer
	output                  map[string][]string // by package and test, until it ends
	tests, failures, broken int
	packages                int
	skips                   []string
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[string][]string{}}
}

// read handles every line; one that is no event is what go itself says, and is
// passed on.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) line(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		fmt.Fprint(r.out, line)
		return
	}
	r.event(e)
}

func (r *report) event(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.broken++
	case "output":
		r.output[key] = append(r.output[key], e.Output)
	case "pass", "fail", "skip":
		r.end(e, r.output[key])
		delete(r.output, key)
	}
}

// end is the end of a test, or of a package, which has no test's name.
func (r *report) end(e event, output []string) {
	if e.Test == "" {
		r.endPackage(e, output)
		return
	}
	r.tests++
	switch e.Action {
	case "fail":
		r.failures++
		fmt.Fprintf(r.out, "--- FAIL: %s %s (%.2fs)\n%s", e.Package, e.Test, e.Elapsed, strings.Join(said(output), ""))
	case "skip":
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(output)))
	}
}

func (r *report) endPackage(e event, output []string) {
	switch e.Action {
	case "pass":
		r.packages++
		fmt.Fprintf(r.out, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		r.packages++
		r.broken++
		r.unfinished(e.Package)
		fmt.Fprintf(r.out, "FAIL  %s  %.1fs\n%s", e.Package, e.Elapsed, strings.Join(said(output), ""))
	}
}

// unfinished shows the output of tests that never ended, because their process
// died or time was up.
func (r *report) unfinished(pkg string) {
	for key, output := range r.output {
		if test := strings.TrimPrefix(key, pkg+" "); test != key && test != "" {
			fmt.Fprintf(r.out, "--- did not end: %s\n%s", key, strings.Join(output, ""))
			delete(r.output, key)
		}
	}
}

// reason is what a skipped test said, in one line.
func reason(output []string) string {
	return strings.Join(strings.Fields(strings.Join(said(output), " ")), " ")
}

// said is the output without the framework's own lines, which the report replaces.
func said(output []string) []string {
	var kept []string
	for _, line := range output {
		trimmed := strings.TrimSpace(line)
		own := trimmed == "FAIL" || strings.HasPrefix(trimmed, "FAIL\t") ||
			strings.HasPrefix(trimmed, "=== ") || strings.HasPrefix(trimmed, "--- ")
		if trimmed != "" && !own {
			kept = append(kept, line)
		}
	}
	return kept
}

// failed also holds for a run without any test: that is a mistake in the call.
func (r *report) failed() bool { return r.failures+r.broken > 0 || r.tests == 0 }

func (r *report) summary() {
	for _, skip := range r.skips {
		fmt.Fprintln(r.out, "skipped:", skip)
	}
	fmt.Fprintf(r.out, "%d tests in %d packages: %d failed, %d skipped\n", r.tests, r.packages, r.failures, len(r.skips))
}
