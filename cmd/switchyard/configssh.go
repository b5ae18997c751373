// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client/contexts"
	"switchyard/client/openssh"
)

// configSSHOptions are the flags of config-ssh.
type configSSHOptions struct {
	file, suffix   string
	dryRun, remove bool
}

func (p *program) configSSH() *cobra.Command {
	var o configSSHOptions
	cmd := &cobra.Command{
		Use:   "config-ssh",
		Short: "Have ssh, and all that uses it, reach containers by name",
		Long: `config-ssh writes a block into your ssh configuration, by which ssh, scp, rsync, git, Ansible and
editors reach the containers of a context by name: web.switchyard, or web.shop.switchyard for the
container "web" of the project "shop". Host keys are verified by the controller's authority, so that
nothing is asked and no other key is believed, not even when a container was made anew.

The block stands between two marker lines at the beginning of the file, where it goes before whatever
else the file says of these hosts; a second run replaces it. Everything else in the file stays as it is.

The containers of another context get names of their own by --suffix, each context another one. Only
the suffix "switchyard" is in the host certificates: for any other, ssh has switchyard check them, which
takes OpenSSH 8.5 or later.`,
		Example: `  switchyard config-ssh --dry-run                        what would change
  switchyard config-ssh                                  then: ssh web.switchyard
  switchyard config-ssh --context prod --suffix prod     then: ssh web.prod
  switchyard config-ssh --suffix prod --remove`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.runConfigSSH(o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.file, "file", "", "write this file (default: .ssh/config in your home directory)")
	f.StringVar(&o.suffix, "suffix", api.HostSuffix, "call the containers NAME.SUFFIX")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would change, and change nothing")
	f.BoolVar(&o.remove, "remove", false, "take the block for the suffix away")
	return cmd
}

func (p *program) runConfigSSH(o configSSHOptions) error {
	if err := openssh.CheckSuffix(o.suffix); err != nil {
		return err
	}
	path, err := p.sshConfigPath(o.file)
	if err != nil {
		return err
	}
	file, err := openssh.ReadFile(path)
	if err != nil {
		return err
	}
	if o.remove {
		return p.removeBlock(file, path, o)
	}
	return p.putBlock(file, path, o)
}

func (p *program) removeBlock(file *openssh.File, path string, o configSSHOptions) error {
	config, err := file.Remove(o.suffix)
	if err != nil {
		return err
	}
	if config.Text() == file.Text() {
		p.note("there is nothing for *.%s in %q", o.suffix, path)
		return nil
	}
	return p.apply(file, config, o, func() { p.note("removed *.%s from %q", o.suffix, path) })
}

func (p *program) putBlock(file *openssh.File, path string, o configSSHOptions) error {
	s, err := p.savedContext()
	if err != nil {
		return err
	}
	dir, err := p.dir()
	if err != nil {
		return err
	}
	block := openssh.Block{Context: s.Name, Suffix: o.suffix, KnownHosts: s.KnownHostsPath(dir)}
	if block.Self, err = self(); err != nil {
		return err
	}
	config, err := file.Put(block)
	if err != nil {
		return err
	}
	if !o.dryRun {
		if err := p.keepKnownHosts(dir, s); err != nil {
			return err
		}
	}
	if config.Text() == file.Text() {
		p.note("%q has it already: \"ssh NAME.%s\" reaches the containers of the context %q", path, o.suffix, s.Name)
		return nil
	}
	return p.apply(file, config, o, func() {
		p.note("wrote %q: \"ssh NAME.%s\" reaches the containers of the context %q", path, o.suffix, s.Name)
	})
}

// apply writes the file and says so, or shows what would be written.
func (p *program) apply(file *openssh.File, config openssh.Config, o configSSHOptions, done func()) error {
	if o.dryRun {
		_, err := fmt.Fprint(p.out, file.Diff(config))
		return err
	}
	if err := file.Write(config); err != nil {
		return err
	}
	done()
	return nil
}

// savedContext is the context that the block is for. A controller that only flags or the environment
// name is none: what runs ssh later on may have another environment, or none.
func (p *program) savedContext() (s contexts.Selected, err error) {
	if p.flags.URL != "" || p.flags.TokenFile != "" || p.flags.CA != "" {
		return s, errors.New("config-ssh is for a controller that you are logged in to: run \"switchyard login\" with --token-file and --ca, then config-ssh with --context")
	}
	f, err := p.file()
	if err != nil {
		return s, err
	}
	c, err := named(f, p.flags.Context, p.getenv(contexts.EnvContext))
	if err != nil {
		return s, err
	}
	if c.HostCA == "" {
		return s, fmt.Errorf("the context %q has no host authority: run \"switchyard login %s --name %[1]s\"", c.Name, c.URL)
	}
	return contexts.Selected{Context: *c}, nil
}

// keepKnownHosts writes the context's host authority where shell and the block have ssh look for it.
func (p *program) keepKnownHosts(dir string, s contexts.Selected) error {
	line, err := openssh.KnownHostsLine("*", s.HostCA)
	if err != nil {
		return err
	}
	_, err = s.WriteKnownHosts(dir, line)
	return err
}

// sshConfigPath is the file to write. ssh itself looks for it in the home directory that the system has
// for the user, whatever HOME says.
func (p *program) sshConfigPath(file string) (string, error) {
	if file != "" {
		return filepath.Abs(file)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%v: name the file with --file", err)
	}
	if u, err := user.Current(); err == nil && !sameFile(u.HomeDir, home) {
		p.note("ssh reads %q, and not what is below %q: use ssh -F, or --file here", filepath.Join(u.HomeDir, ".ssh", "config"), home)
	}
	return filepath.Join(home, ".ssh", "config"), nil
}

// self is the path of this program, by the name that it was called, where that leads to it: a package
// manager's link stays when the version that it leads to goes.
func self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding out where this program is: %v", err)
	}
	if called, err := exec.LookPath(os.Args[0]); err == nil {
		if called, err = filepath.Abs(called); err == nil && sameFile(called, path) {
			return called, nil
		}
	}
	return path, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
