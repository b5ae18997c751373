// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"fmt"
	"runtime"
	"strings"

	"switchyard/api"
)

// Block is a part of a user's ssh_config that has ssh reach the containers of one context under a
// suffix: "web.switchyard", "web.shop.switchyard".
type Block struct {
	Self       string // the path of the switchyard program
	Context    string // whose controller it is
	Suffix     string // one label, as [CheckSuffix] takes it
	KnownHosts string // the file with the host authority, for the suffix api.HostSuffix
}

// CheckSuffix refuses what cannot be a suffix of host names.
func CheckSuffix(suffix string) error { return api.CheckName("suffix", suffix) }

// Lines returns the block, its markers included. The error is for a path that ssh_config cannot hold.
//
// ssh takes the first value that it finds for an option, so the block is for the beginning of a file. It ends with a
// "Host *", without which what has stood there before would hold for the block's hosts only.
func (b Block) Lines() ([]string, error) { return b.lines(runtime.GOOS) }

func (b Block) lines(goos string) ([]string, error) {
	proxy, err := b.proxyCommand(goos)
	if err != nil {
		return nil, err
	}
	believed, err := b.believed(goos)
	if err != nil {
		return nil, err
	}
	lines := []string{b.begin(), contextPrefix + fmt.Sprintf("%q", b.Context) + contextNote, "Host *." + b.Suffix + unquotable(goos)}
	for _, o := range append(required(proxy, "%h", believed...), preferred()...) {
		lines = append(lines, "    "+o.name+" "+o.value)
	}
	return append(lines, "Host *", b.end()), nil
}

// unquotable leaves the names out that would do harm within the quotes of the ProxyCommand: before version 9.6,
// OpenSSH hands whatever is called a host to a shell (CVE-2023-51385). On Windows that is cmd.exe, or the sh that
// Git brings, for which an expansion goes on within double quotes.
func unquotable(goos string) string {
	if goos == "windows" {
		return ` "!*$*" "!*` + "`" + `*" "!*'*"`
	}
	return ` "!*'*"`
}

// What the second line of a block says around the context's name.
const (
	contextPrefix = "# For the context "
	contextNote   = `. Made by "switchyard config-ssh", which undoes what is changed in here.`
)

func (b Block) begin() string { return beginPrefix + b.Suffix }
func (b Block) end() string   { return endPrefix + b.Suffix }

func (b Block) proxyCommand(goos string) (string, error) {
	words := []string{b.Self, "connect", "--context", b.Context}
	if b.Suffix != api.HostSuffix {
		words = append(words, "--suffix", b.Suffix)
	}
	line, err := commandLine(words, goos)
	if goos == "windows" {
		return line + ` "%h"`, err
	}
	return line + ` '%h'`, err
}

// believed says where ssh learns which host keys are right. A certificate holds for names that end in
// api.HostSuffix and for none that ends otherwise; ssh has no way to look for another name than the one
// that was typed, without its suffix. For other suffixes our own program therefore checks the certificate,
// and tells ssh the key in it. That takes OpenSSH 8.5.
func (b Block) believed(goos string) ([]option, error) {
	if b.Suffix == api.HostSuffix {
		path, err := quoteOption(b.KnownHosts, goos)
		return []option{{"UserKnownHostsFile", path}}, err
	}
	command, err := argumentLine([]string{b.Self, "known-hosts", "--context", b.Context, "--suffix", b.Suffix}, goos)
	return []option{
		{"KnownHostsCommand", command + " --host=%h --certificate=%K"},
		{"UserKnownHostsFile", "/dev/null"},
	}, err
}

// contextOf returns the context that a block's lines are for, "" when they do not say.
func contextOf(lines []string) string {
	for _, l := range lines {
		if rest, ok := strings.CutPrefix(l, contextPrefix); ok {
			var name string
			fmt.Sscanf(rest, "%q", &name)
			return name
		}
	}
	return ""
}
