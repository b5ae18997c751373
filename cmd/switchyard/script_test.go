// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"switchyard/api"
	"switchyard/client/clienttest"
	"switchyard/test/leaks"
)

func TestMain(m *testing.M) {
	testscript.Main(noLeaks{m}, map[string]func(){"switchyard": main, "ssh": fakeSSH})
}

// noLeaks fails the package when a goroutine survives its tests.
type noLeaks struct{ *testing.M }

func (m noLeaks) Run() int {
	code := m.M.Run()
	if err := leaks.Find(leaks.Patience); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScripts runs the scenarios in testdata with the real main. Each has a controller of its own, that
// of the environment variables URL, HOST and PORT, whose token is in the file token, whose authority is in ca.pem.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"controller": cmdController, "relay": cmdRelay, "proxy": cmdProxy, "asked": cmdAsked, "argv": cmdArgv,
			"answer": cmdAnswer, "register": cmdRegister, "mode": cmdMode, "code": cmdCode, "same": cmdSame,
			"sentence": cmdSentence, "nosecret": cmdNoSecret,
		},
		Condition: condition,
	})
}

func condition(name string) (bool, error) {
	if name != "ssh" {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	for _, dir := range filepath.SplitList(realPath()) {
		if _, err := exec.LookPath(filepath.Join(dir, "ssh")); err == nil {
			return true, nil
		}
	}
	if os.Getenv("CI") == "true" {
		return false, errors.New("CI promises an ssh, and there is none")
	}
	return false, nil
}

// realPath is the PATH without the directory in which testscript has put our own ssh.
func realPath() string {
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if dir != filepath.Dir(programPath()) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}

// programPath is where testscript has put the program that scripts run.
func programPath() string {
	path, err := exec.LookPath("switchyard")
	if err != nil {
		panic(err)
	}
	return path
}

type world struct {
	env        *testscript.Env
	controller *clienttest.Controller
	proxy      *clienttest.Proxy
}

func setup(e *testscript.Env) error {
	w := &world{env: e}
	e.Values["world"] = w
	for _, v := range [][2]string{
		{"HOME", e.WorkDir}, {"XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config")}, {"CONFIG", filepath.Join(e.WorkDir, "config", "switchyard")},
		{"REALPATH", realPath()}, {"USER", "carol"}, {"LOGNAME", "carol"},
		{"SWITCHYARD", programPath()},
		{"GORACE", "atexit_sleep_ms=0"}, // else each program of a -race build takes a second more to exit
	} {
		e.Setenv(v[0], v[1])
	}
	for name, token := range map[string]string{
		"token": clienttest.Token, "expired": clienttest.Expired, "revoked": clienttest.Revoked, "wrong": clienttest.Wrong,
	} {
		if err := os.WriteFile(filepath.Join(e.WorkDir, name), []byte(token+"\n"), 0o600); err != nil {
			return err
		}
	}
	return w.start(clienttest.Options{}, e.Setenv)
}

func of(ts *testscript.TestScript) *world { return ts.Value("world").(*world) }

// start makes the scenario's controller, or another one.
func (w *world) start(opt clienttest.Options, setenv func(k, v string)) error {
	c, err := clienttest.Start(opt)
	if err != nil {
		return err
	}
	w.env.Defer(c.Close)
	w.controller = c
	setenv("URL", c.URL)
	setenv("ID", c.ID("web"))
	if opt.Socket == "" {
		setenv("PORT", c.Port())
		setenv("ADDRESS", c.Address())
	}
	return os.WriteFile(filepath.Join(w.env.WorkDir, "ca.pem"), []byte(c.Authority.PEM()), 0o600)
}

// controller OPTION...: start another controller, which is not quite in order.
func cmdController(ts *testscript.TestScript, _ bool, args []string) {
	var opt clienttest.Options
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "plain":
			opt.Plain = true
		case "socket":
			opt.Socket = filepath.Join(of(ts).env.WorkDir, value)
		case "names":
			opt.Names = strings.Split(value, ",")
		case "expired":
			opt.Lifetime = -time.Hour
		case "tls12":
			opt.MaxTLS = 0x0303
		case "no-authority":
			opt.NoAuthority = true
		case "wrong-proof":
			opt.WrongProof = true
		case "no-proof":
			opt.NoProof = true
		case "other-authority":
			opt.OtherAuthority = true
		case "no-probe":
			opt.NoProbe = true
		case "redirect":
			opt.Redirect = value
		default:
			ts.Fatalf("unknown option %q", a)
		}
	}
	ts.Check(of(ts).start(opt, ts.Setenv))
}

// relay: put somebody in the middle, at URL.
func cmdRelay(ts *testscript.TestScript, _ bool, _ []string) {
	r, err := clienttest.StartRelay(of(ts).controller)
	ts.Check(err)
	ts.Defer(r.Close)
	ts.Setenv("URL", r.URL)
}

// proxy [status=N] [user=NAME:PASSWORD] [tls]: start a proxy, at PROXY, that knows controller.test:443.
func cmdProxy(ts *testscript.TestScript, _ bool, args []string) {
	w := of(ts)
	status, user := 0, ""
	var err error
	hosts := map[string]string{"controller.test:443": w.controller.Address()}
	start := func() { w.proxy, err = clienttest.StartProxy(status, user, nil, hosts) }
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "status":
			fmt.Sscan(value, &status)
		case "user":
			user = value
		case "tls":
			start = func() {
				cert, cerr := w.controller.Authority.Issue(time.Hour, "127.0.0.1")
				ts.Check(cerr)
				w.proxy, err = clienttest.StartProxy(status, user, &cert, hosts)
			}
		}
	}
	start()
	ts.Check(err)
	ts.Defer(w.proxy.Close)
	ts.Setenv("PROXY", w.proxy.URL)
	ts.Setenv("PROXYADDRESS", w.proxy.Addr().String())
}

// asked REGEXP: a request was made; lines are "METHOD PATH?QUERY header=value… body", a proxy's "proxy CONNECT host:port".
func cmdAsked(ts *testscript.TestScript, neg bool, args []string) {
	log := of(ts).log()
	found := regexp.MustCompile("(?m)" + args[0]).MatchString(log)
	if found == neg {
		ts.Fatalf("%q: found %v in\n%s", args[0], found, log)
	}
}

func (w *world) log() string {
	var b strings.Builder
	for _, r := range w.controller.Requests() {
		fmt.Fprintf(&b, "%s %s?%s token=%v user=%s client=%s %s\n", r.Method, r.Path, r.Query,
			r.Header.Get("Authorization") != "", r.Header.Get(api.HeaderLocalUser), r.Header.Get(api.HeaderClient), strings.TrimSpace(r.Body))
	}
	if w.proxy != nil {
		for _, a := range w.proxy.Asked() {
			fmt.Fprintf(&b, "proxy %s\n", a)
		}
	}
	return b.String()
}

// answer CONTAINER FILE: answer upgrades to a container with a file's bytes, its \n being \r\n.
func cmdAnswer(ts *testscript.TestScript, _ bool, args []string) {
	of(ts).controller.AnswerRaw(args[0], strings.ReplaceAll(ts.ReadFile(args[1]), "\n", "\r\n"))
}

// register FILE: add the record in the file, as JSON, without looking at it.
func cmdRegister(ts *testscript.TestScript, _ bool, args []string) {
	var v api.Container
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	of(ts).controller.Add(v)
}

// mode FILE MODE: the file has this mode.
func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// code N PROGRAM ARG...: run it; it exits with N. Its output is for stdout, stderr and sentence.
func cmdCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s; stderr:\n%s", got, args[0], ts.ReadFile("stderr"))
	}
}

// same FILE TEXT: the file, or stdout, holds this text and no byte else; \n and \r stand for themselves.
func cmdSame(ts *testscript.TestScript, _ bool, args []string) {
	want := strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(args[1])
	if got := ts.ReadFile(args[0]); got != want {
		ts.Fatalf("%s holds %q, want %q", args[0], got, want)
	}
}

// sentence REGEXP: stderr is one line of printable characters that begins with the program's name and matches.
func cmdSentence(ts *testscript.TestScript, _ bool, args []string) {
	got := ts.ReadFile("stderr")
	line, rest, ended := strings.Cut(got, "\n")
	if !ended || rest != "" || !strings.HasPrefix(line, "switchyard: ") || strings.HasSuffix(line, ".") {
		ts.Fatalf("stderr is not one sentence: %q", got)
	}
	if !regexp.MustCompile(args[0]).MatchString(line) {
		ts.Fatalf("stderr is %q, want %q", line, args[0])
	}
	noSecret(ts, got)
}

// nosecret FILE...: no secret stands in the files.
func cmdNoSecret(ts *testscript.TestScript, _ bool, args []string) {
	for _, a := range args {
		noSecret(ts, ts.ReadFile(a))
	}
}

func noSecret(ts *testscript.TestScript, text string) {
	for _, secret := range []string{clienttest.Token, clienttest.Expired, clienttest.Revoked, clienttest.Wrong, clienttest.ContainerKey, "proxysecret"} {
		if strings.Contains(text, secret) {
			ts.Fatalf("a secret stands in %q", text)
		}
	}
}
