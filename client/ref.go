// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"strings"

	"switchyard/api"
)

// HostRef returns the ref that a host name means: what a person typed, or what ssh hands a
// ProxyCommand for %h, which it has lower-cased. A bare name is looked for in project, when there is one.
func HostRef(host, project string) (api.Ref, error) {
	ref := api.Ref(strings.ToLower(trimSuffix(host)))
	id, name, ofProject, err := api.ParseRef(ref)
	if err != nil {
		return "", err
	}
	if id == "" && ofProject == "" && project != "" {
		return api.Ref(name + "." + project), nil
	}
	return ref, nil
}

// trimSuffix takes off what makes a host name ours in a person's ssh_config and is no part of the ref:
// the root's dot, and api.HostSuffix, which is no project's name.
func trimSuffix(host string) string { return TrimSuffix(host, api.HostSuffix) }

// TrimSuffix takes the suffix that a person has chosen for her ssh_config, one label without its dot, off
// a host name. A name that does not end in it stays as it is.
func TrimSuffix(host, suffix string) string {
	host = strings.TrimSuffix(host, ".")
	if n := len(host) - len(suffix) - 1; n >= 0 && host[n] == '.' && strings.EqualFold(host[n+1:], suffix) {
		return host[:n]
	}
	return host
}

// SplitLogin takes "login@container" apart, at the last "@" as ssh does.
func SplitLogin(s string) (login, container string) {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}
