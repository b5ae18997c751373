// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package contexts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"switchyard/client"
)

// Environment variables that select a controller.
const (
	EnvURL       = "SWITCHYARD_URL"
	EnvToken     = "SWITCHYARD_TOKEN"
	EnvTokenFile = "SWITCHYARD_TOKEN_FILE"
	EnvCA        = "SWITCHYARD_CA"
	EnvContext   = "SWITCHYARD_CONTEXT"
)

// Flags are what a command line says about the controller; empty means not said.
type Flags struct {
	Context   string
	URL       string
	TokenFile string
	CA        string // a file
}

// Selected is the controller that a command talks to.
type Selected struct {
	Context // Name is empty when the controller was named by URL

	// HandOver are the flags by which another run of the program, in the same environment, selects
	// the same. They hold no secret.
	HandOver []string
}

// Select decides which controller is meant. The first of these that names one does:
//
//	--context                          the context whole; the environment is not looked at
//	--url                              with --token-file and --ca, else the environment's
//	SWITCHYARD_URL                     with SWITCHYARD_TOKEN or SWITCHYARD_TOKEN_FILE, and SWITCHYARD_CA
//	SWITCHYARD_CONTEXT                 the context; the environment's token and CA go before its own
//	the current context of the file    the same
//
// --token-file and --ca go before everything else of their kind. A token of the file is sent to the
// controller that it was saved for and to no other: a URL given by hand needs a token given by hand.
func Select(flags Flags, getenv func(string) string, dir string) (Selected, error) {
	if err := conflicts(flags, getenv); err != nil {
		return Selected{}, err
	}
	s, err := base(flags, getenv, dir)
	if err != nil {
		return Selected{}, err
	}
	if flags.Context != "" {
		getenv = func(string) string { return "" }
	}
	if err := s.override(flags, getenv); err != nil {
		return Selected{}, err
	}
	if s.HandOver, err = s.handOver(flags, getenv); err != nil {
		return Selected{}, err
	}
	if s.Token == "" {
		return Selected{}, fmt.Errorf("there is no token for %s: set %s or %s, or run \"switchyard login %[1]s\"", s.URL, EnvToken, EnvTokenFile)
	}
	return s, nil
}

func conflicts(flags Flags, getenv func(string) string) error {
	switch {
	case flags.Context != "" && flags.URL != "":
		return errors.New("--context and --url name two controllers: give one of them")
	case flags.Context == "" && flags.URL == "" && getenv(EnvURL) != "" && getenv(EnvContext) != "":
		return fmt.Errorf("%s and %s name two controllers: unset one of them, or use --context or --url", EnvURL, EnvContext)
	case flags.TokenFile == "" && flags.Context == "" && getenv(EnvToken) != "" && getenv(EnvTokenFile) != "":
		return fmt.Errorf("%s and %s give two tokens: unset one of them", EnvToken, EnvTokenFile)
	}
	return nil
}

// base finds the controller, with whatever the file has of it.
func base(flags Flags, getenv func(string) string, dir string) (Selected, error) {
	if flags.Context == "" {
		if u := first(flags.URL, getenv(EnvURL)); u != "" {
			return byURL(u)
		}
	}
	file, err := Load(dir)
	if err != nil {
		return Selected{}, err
	}
	name := first(flags.Context, getenv(EnvContext), file.Current)
	if name == "" {
		return Selected{}, errors.New(noContext(file))
	}
	c, err := file.Get(name)
	if err != nil {
		return Selected{}, err
	}
	return Selected{Context: *c}, nil
}

func noContext(file *File) string {
	if len(file.Contexts) > 0 {
		return "no context is the current one: run \"switchyard context use\" with one of " + fmt.Sprint(file.Names())
	}
	return fmt.Sprintf("no controller is known here: run \"switchyard login\" with its URL, or set %s and %s", EnvURL, EnvToken)
}

func byURL(u string) (Selected, error) {
	e, err := client.ParseEndpoint(u)
	return Selected{Context: Context{URL: e.String()}}, err
}

// override puts token and CA that were given by hand before those of the context.
func (s *Selected) override(flags Flags, getenv func(string) string) error {
	token, err := GivenToken(flags.TokenFile, getenv)
	if err != nil {
		return err
	}
	if token != "" {
		s.Token = token
	}
	path := first(flags.CA, getenv(EnvCA))
	if path == "" {
		return nil
	}
	ca, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the certificate authority: %v", err)
	}
	s.CA = string(ca)
	return nil
}

func (s *Selected) handOver(flags Flags, getenv func(string) string) (args []string, err error) {
	fromEnv := getenv(EnvToken)+getenv(EnvTokenFile)+getenv(EnvCA) != ""
	switch {
	case flags.URL != "":
		args = append(args, "--url", s.URL)
	case s.Name != "" && !fromEnv:
		// The current context may be another by the time that the other run asks for it.
		args = append(args, "--context", s.Name)
	}
	for _, f := range []struct{ name, path string }{{"--token-file", flags.TokenFile}, {"--ca", flags.CA}} {
		if f.path == "" {
			continue
		}
		abs, err := filepath.Abs(f.path) // the other run may have another directory
		if err != nil {
			return nil, err
		}
		args = append(args, f.name, abs)
	}
	return args, nil
}

// GivenToken returns the token that flag or environment give, empty when they give none.
func GivenToken(file string, getenv func(string) string) (client.Token, error) {
	if env := getenv(EnvToken); file == "" && env != "" {
		t, err := client.ParseToken(env)
		if err != nil {
			return "", fmt.Errorf("the variable %s has %v", EnvToken, err)
		}
		return t, nil
	}
	if path := first(file, getenv(EnvTokenFile)); path != "" {
		return client.ReadTokenFile(path)
	}
	return "", nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Config returns what package client needs to reach the controller.
func (c Context) Config(version string) (client.Config, error) {
	e, err := client.ParseEndpoint(c.URL)
	if err != nil {
		return client.Config{}, err
	}
	return client.Config{Endpoint: e, Token: c.Token, CA: []byte(c.CA), Version: version}, nil
}
