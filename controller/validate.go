// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"switchyard/api"
	"switchyard/controller/ca"
)

// Limits of what users and runners choose.
const (
	maxLabels     = 64
	maxLabelKey   = 63
	maxLabelValue = 256
	maxNote       = 200
	maxNode       = 253 // of a host name, RFC 1035 section 2.3.4
	maxAddress    = 253 + len(":65535")
	maxExec       = 32
)

var (
	dockerIDForm = regexp.MustCompile("^[0-9a-f]{1,64}$")
	labelForm    = regexp.MustCompile("^[a-zA-Z0-9]([a-zA-Z0-9._/-]*[a-zA-Z0-9])?$")
	execForm     = regexp.MustCompile("^[a-z0-9-]*$")
)

// checkText refuses a text that is too long or would do something to a terminal that shows it.
func checkText(what, s string, most int) error {
	switch {
	case len(s) > most:
		return fmt.Errorf("the %s has %d bytes: %d is the most", what, len(s), most)
	case !printable(s):
		return fmt.Errorf("the %s %q holds what is not printable", what, s)
	}
	return nil
}

func checkDockerID(id string) error {
	if id != "" && !dockerIDForm.MatchString(id) {
		return fmt.Errorf("the Docker id %.80q is not 1 to 64 hexadecimal digits: give the container's id, not its name", id)
	}
	return nil
}

func checkLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return fmt.Errorf("there are %d labels: %d is the most", len(labels), maxLabels)
	}
	for k, v := range labels {
		if len(k) > maxLabelKey || !labelForm.MatchString(k) {
			return fmt.Errorf("the label key %.80q does not fit: use 1 to %d letters, digits, \".\", \"_\", \"-\" and \"/\", with a letter or digit first and last", k, maxLabelKey)
		}
		if err := checkText("value of label "+strconv.Quote(k), v, maxLabelValue); err != nil {
			return err
		}
	}
	return nil
}

func checkContainer(r api.CreateContainer) error {
	if err := api.CheckNewName("container", r.Name); err != nil {
		return err
	}
	if r.Project != "" {
		if err := api.CheckName("project", r.Project); err != nil {
			return err
		}
	}
	if err := checkDockerID(r.DockerID); err != nil {
		return err
	}
	return checkLabels(r.Labels)
}

// checkReport checks what a runner says of itself, and puts its host key into the one form.
func checkReport(r *api.ReportRunner) error {
	if err := checkAddress(r.Address); err != nil {
		return err
	}
	if r.Node == "" {
		return fmt.Errorf("the node is empty: give the machine's name")
	}
	if err := checkText("node", r.Node, maxNode); err != nil {
		return err
	}
	if len(r.Exec) > maxExec || !execForm.MatchString(r.Exec) {
		return fmt.Errorf("exec %.80q does not fit: use up to %d of a-z, 0-9 and \"-\"", r.Exec, maxExec)
	}
	if err := checkText("reason for exec", r.ExecReason, api.MaxExecReason); err != nil {
		return err
	}
	if err := checkDockerID(r.DockerID); err != nil {
		return err
	}
	_, line, err := ca.ParseHostKey(r.HostKey)
	r.HostKey = line
	return err
}

// checkAddress refuses what cannot be dialled, and what would be this machine by another name for
// "whatever I listen on".
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || len(address) > maxAddress || host == "" || !printable(address) || strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("the address %.80q is not \"host:port\"", address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("the address %.80q has no port from 1 to 65535", address)
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsUnspecified() || ip.IsMulticast()) {
		return fmt.Errorf("the address %q is none that can be dialled: give the one that the controller reaches", address)
	}
	return nil
}
