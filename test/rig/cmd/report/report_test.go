// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestReportOfARun(t *testing.T) {
	for name, run := range map[string]struct {
		input  string
		failed bool
		want   []string
		hidden string
	}{
		"passes": {
			input: `{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"pass","Package":"p","Elapsed":1.5}
`,
			want:   []string{"ok    p  1.5s", "1 tests in 1 packages: 0 failed, 0 skipped"},
			hidden: "noise",
		},
		"a test fails": {
			input: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: bad\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`,
			failed: true,
			want:   []string{"--- FAIL: p TestA", "a_test.go:3: bad", "1 failed"},
		},
		"a skip says why": {
			input: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    need.go:9: needs root\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`,
			want: []string{"skipped: p TestA: need.go:9: needs root", "1 skipped"},
		},
		"a package does not build": {
			input: `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
{"Action":"pass","Package":"q","Test":"TestB"}
`,
			failed: true,
			want:   []string{"p.go:1: undefined: x", "FAIL  p"},
		},
		"a process dies in a test": {
			input: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: no\n"}
{"Action":"output","Package":"p","Output":"exit status 2\n"}
{"Action":"fail","Package":"p"}
`,
			failed: true,
			want:   []string{"did not end: p TestA", "panic: no", "exit status 2"},
		},
		"all tests pass but the package leaks": {
			input: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"rig: left behind by the tests\n"}
{"Action":"fail","Package":"p"}
`,
			failed: true,
			want:   []string{"FAIL  p", "left behind"},
		},
		"nothing ran":     {input: "go: no such package\n", failed: true, want: []string{"go: no such package", "0 tests"}},
		"no last newline": {input: `{"Action":"pass","Package":"p","Test":"T"}`, want: []string{"1 tests"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(run.input)); err != nil {
				t.Fatal(err)
			}
			r.summary()
			if r.failed() != run.failed {
				t.Errorf("failed: %v, want %v", r.failed(), run.failed)
			}
			for _, want := range run.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out.String())
				}
			}
			if run.hidden != "" && strings.Contains(out.String(), run.hidden) {
				t.Errorf("%q in:\n%s", run.hidden, out.String())
			}
		})
	}
}
