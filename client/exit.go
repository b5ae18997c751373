// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"net/http"

	"switchyard/api"
)

// Exit codes of the switchyard command. They are a contract with scripts; docs/configuration.md lists
// them. shell differs: until ssh takes over, every failure is 255, which is what ssh itself says.
const (
	ExitFailure      = 1   // whatever has no code of its own
	ExitUsage        = 2   // the command line makes no sense
	ExitToken        = 3   // 401: the token is missing, wrong, expired or revoked
	ExitForbidden    = 4   // 403: seen, but not allowed, or shell access is off
	ExitNotFound     = 5   // 404: not there, or not to be seen
	ExitEnded        = 6   // 410: the container has ended
	ExitNotNow       = 7   // 503, 429: queued, draining, or too many; later may work
	ExitUnreachable  = 8   // the controller was not reached, or is not the one that is meant
	ExitRunner       = 9   // 502: the controller did not reach the container's runner
	ExitNoSSH        = 127 // shell: there is no ssh on this machine
	ExitShellFailure = 255 // shell: anything else before ssh took over
)

var exitOfStatus = map[int]int{
	http.StatusUnauthorized:       ExitToken,
	http.StatusForbidden:          ExitForbidden,
	http.StatusNotFound:           ExitNotFound,
	http.StatusGone:               ExitEnded,
	http.StatusServiceUnavailable: ExitNotNow,
	http.StatusTooManyRequests:    ExitNotNow,
	http.StatusBadGateway:         ExitRunner,
}

// ExitCode returns the exit code that an error of this package means, 0 for none.
func ExitCode(err error) int {
	var (
		reach   *ReachError
		refusal *Refusal
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &reach):
		return ExitUnreachable
	case errors.As(err, &refusal):
		return exitOfRefusal(refusal.Problem)
	}
	return ExitFailure
}

func exitOfRefusal(p *api.Problem) int {
	if p.Code == "" {
		return ExitUnreachable // it was not the controller that answered
	}
	if c := exitOfStatus[p.Status]; c != 0 {
		return c
	}
	return ExitFailure
}

// problem returns the problem in err, an empty one when there is none.
func problem(err error) *api.Problem {
	var p *api.Problem
	if errors.As(err, &p) {
		return p
	}
	return &api.Problem{}
}
