// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"switchyard/sshd"
	"switchyard/test/rig"
)

func TestACommandLineIsSplitAsAShellWould(t *testing.T) {
	for line, want := range map[string][]string{
		`/app`:                             {"/app"},
		`  /app   -v  x `:                  {"/app", "-v", "x"},
		`/app 'a b' "c d" e\ f`:            {"/app", "a b", "c d", "e f"},
		`/app '' "" x'y'"z"`:               {"/app", "", "", "xyz"},
		`/app 'a"b$c\d*' "it's \$5 \"q\""`: {"/app", `a"b$c\d*`, `it's $5 "q"`},
		`/app \* \~ a~b =x`:                {"/app", "*", "~", "a~b", "=x"},
		`A=1 B='x y' /app C=2`:             {"A=1", "B=x y", "/app", "C=2"},
		"/app 'two\nlines'":                {"/app", "two\nlines"},
		"/app a\\\nb":                      {"/app", "ab"},
		`/app äöü # a comment`:             {"/app", "äöü"},
	} {
		env, words, err := splitLine(line)
		if got := append(env, words...); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestWhatNeedsAShellIsRefused(t *testing.T) {
	for _, line := range []string{
		"", " ", "#", "/app | x", "/app; x", "/app\n/x", "/app && x", "/app &", "/app > f", "/app < f", "/app 2>&1",
		"/app $X", "/app ${X}", `/app "$X"`, "/app `x`", "/app $(x)", `/app "$(x)"`, "/app $((1))", "/app *.txt", "/app [ab]",
		"/app ?", "~/app", "/app ~", "(/app)", "{ /app; }", "if /app; then /x; fi", "! /app", "A=1", "A=$X /app", "f() { /app; }",
		"/app 'x", `/app "x`, "/app <<E\nx\nE", "'' x", "/app \xff",
	} {
		if env, words, err := splitLine(line); err == nil {
			t.Errorf("%q was taken for %q %q", line, env, words)
		}
	}
}

func TestAnImageWithoutAShellRunsItsPrograms(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{Image: rig.Scratch, Env: []string{"PATH=/bin:/"}})
		account := w.account(t, "")
		if account.UID != 0 || account.Home != "/" || account.Shell != "/bin/sh" {
			t.Errorf("the default user is %+v", account)
		}
		for _, line := range []string{"/sleep 0.01", "sleep '0.01'", `A=1 "/sleep" 0.01`} {
			if got := w.run(t, sshd.Command{Account: account, Line: line}, ""); got.exit != (sshd.Exit{}) {
				t.Errorf("%s: %+v", line, got)
			}
		}
		for line, says := range map[string]string{
			"/sleep 1; /sleep 1": "has no shell to run",
			"/nothing":           `has no program "/nothing"`,
			"nothing":            `has no program "nothing"`,
			"./sleep":            "by its whole path",
		} {
			_, err := w.target.Start(t.Context(), sshd.Command{Account: account, Line: line})
			mustSay(t, err, says)
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v does not end as a program that is not there", line, err)
			}
		}
		_, err := w.target.Start(t.Context(), sshd.Command{Account: account, Shell: true})
		mustSay(t, err, "name a program of its image instead")
		w.nothingLeft(t)
	})
}

// TestWithoutAShellNothingEntersTheHome: the runtime would follow a home that has become a link (CVE-2024-21626).
func TestWithoutAShellNothingEntersTheHome(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{Image: rig.Scratch})
	account := w.account(t, "")
	account.Home = "/etc"
	j, err := w.target.job(t.Context(), sshd.Command{Account: account, Line: "/sleep 1"}, false)
	if err != nil || j.dir != "/" {
		t.Errorf("it starts in %q, %v", j.dir, err)
	}
}
