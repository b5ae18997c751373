// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"switchyard/sshd"
)

// defaultPath is where Docker looks for programs when the image names no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// direct says what shall be run for a command in an image without any shell: the program itself, with the
// words of the command line as a shell would have split them. It runs in /, as there is nothing inside that
// could enter the home, and the runtime must not (CVE-2024-21626).
func (t *Target) direct(ctx context.Context, c sshd.Command) (job, error) {
	if c.Shell {
		return job{}, t.missing("container %q has no shell: name a program of its image instead, as in \"ssh %s /program argument\"; "+
			"sftp, scp and port forwards need none", t.name, t.name)
	}
	env, args, err := splitLine(c.Line)
	if err != nil {
		return job{}, t.missing("container %q has no shell to run %s: %v", t.name, quoteLine(c.Line), err)
	}
	c.Env = append(c.Env[:len(c.Env):len(c.Env)], env...)
	j := job{user: c.Account.User, args: args, env: environment(c), dir: "/", pty: c.Pty}
	if j.args[0], err = t.findProgram(ctx, j.args[0], j.env); err != nil {
		return job{}, err
	}
	return j, nil
}

// shellless tells whether the image has neither the login's shell nor /bin/sh.
func (t *Target) shellless(ctx context.Context, login string) bool {
	for _, shell := range []string{login, "/bin/sh"} {
		if err := t.executable(ctx, shell); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// findProgram looks for a program as execvp(3) does, inside the container.
func (t *Target) findProgram(ctx context.Context, name string, env []string) (string, error) {
	places := []string{name}
	if !strings.Contains(name, "/") {
		places = places[:0]
		for _, dir := range strings.Split(t.searchPath(env), ":") {
			if path.IsAbs(dir) {
				places = append(places, path.Join(dir, name))
			}
		}
	} else if !path.IsAbs(name) {
		return "", t.missing("container %q has no shell to find %q: name the program by its whole path", t.name, name)
	}
	for _, place := range places {
		switch err := t.executable(ctx, place); {
		case err == nil:
			return place, nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotExecutable):
			return "", t.fail("looking for "+quoteLine(name), err)
		}
	}
	return "", t.missing("container %q has no program %s (and no shell)", t.name, quoteLine(name))
}

// searchPath is the PATH that a process gets with env.
func (t *Target) searchPath(env []string) string {
	found := defaultPath
	for _, variable := range append(t.imageEnv[:len(t.imageEnv):len(t.imageEnv)], env...) {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			found = value
		}
	}
	return found
}

// splitLine splits a command line into leading assignments and words, where that takes no shell: quotes and
// backslashes are understood, whatever needs a shell is an error.
func splitLine(line string) (env, words []string, err error) {
	if !utf8.ValidString(line) {
		return nil, nil, errors.New("it is not UTF-8, as which it would travel")
	}
	call, err := simpleCommand(line)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range call.Assigns {
		if a.Append || a.Naked || a.Index != nil || a.Array != nil {
			return nil, nil, errNeedsShell
		}
		value := ""
		if a.Value != nil {
			if value, err = plainWord(a.Value); err != nil {
				return nil, nil, err
			}
		}
		env = append(env, a.Name.Value+"="+value)
	}
	for _, w := range call.Args {
		word, err := plainWord(w)
		if err != nil {
			return nil, nil, err
		}
		words = append(words, word)
	}
	if len(words) == 0 || words[0] == "" {
		return nil, nil, errNeedsShell
	}
	return env, words, nil
}

var errNeedsShell = errors.New("it runs one program, with plain or quoted words; " +
	"pipes, lists, redirections, variables, patterns and a shell's own commands need a shell in the image")

// simpleCommand parses a line that is one simple command without redirections (POSIX XCU section 2.9.1).
func simpleCommand(line string) (*syntax.CallExpr, error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(line), "")
	if err != nil || len(file.Stmts) != 1 {
		return nil, errNeedsShell
	}
	s := file.Stmts[0]
	call, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || s.Negated || s.Background || s.Coprocess || len(s.Redirs) > 0 {
		return nil, errNeedsShell
	}
	return call, nil
}

// plainWord removes a word's quotes. An expansion of any kind is an error.
func plainWord(w *syntax.Word) (string, error) {
	for i, part := range w.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if isPattern(p.Value) || i == 0 && strings.HasPrefix(p.Value, "~") {
				return "", errNeedsShell
			}
		case *syntax.SglQuoted:
		case *syntax.DblQuoted:
			for _, inner := range p.Parts {
				if _, ok := inner.(*syntax.Lit); !ok {
					return "", errNeedsShell
				}
			}
		default:
			return "", errNeedsShell
		}
	}
	fields, err := expand.Fields(&expand.Config{Env: expand.ListEnviron()}, w)
	if err != nil || len(fields) != 1 {
		return "", errNeedsShell
	}
	return fields[0], nil
}

// isPattern tells whether a literal has a pattern's character that no backslash quotes.
func isPattern(literal string) bool {
	for i := 0; i < len(literal); i++ {
		switch literal[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

// missing is an error that says that something is not in the image.
func (t *Target) missing(format string, args ...any) error {
	return missingError(fmt.Sprintf(format, args...))
}

// missingError matches fs.ErrNotExist, from which the exit status 127 comes.
type missingError string

func (e missingError) Error() string { return string(e) }
func (missingError) Unwrap() error   { return fs.ErrNotExist }

// quoteLine quotes what a user typed, within bounds.
func quoteLine(line string) string {
	const most = 80
	if len(line) > most {
		return fmt.Sprintf("%q…", line[:most])
	}
	return fmt.Sprintf("%q", line)
}
