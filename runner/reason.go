// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"switchyard/api"
)

// reasonPause is how long the reason for exec is left out of the reports to a controller that has refused it.
const reasonPause = 10 * time.Minute

// tell makes one report. A controller of an earlier version refuses a field that it does not know, and what people
// read must never keep a runner from serving: a report that is refused is made again without its reason. When that
// is taken, the reason is left out for a while, until the controller may be a later one.
func (g *registrar) tell(ctx context.Context) (api.RunnerReported, error) {
	plain := g.report
	plain.ExecReason = ""
	if g.report.ExecReason == "" || time.Now().Before(g.reasonAfter) {
		return g.controller.Report(ctx, plain)
	}
	reported, err := g.controller.Report(ctx, g.report)
	p := problem(err)
	if p == nil || p.Code != api.CodeBadRequest {
		return reported, err
	}
	if reported, err = g.controller.Report(ctx, plain); err == nil {
		g.log.WithField("cause", p.Error()).Debug("the controller does not take the reason for exec")
		g.reasonAfter = time.Now().Add(reasonPause)
	}
	return reported, err
}

// oneLine makes a text fit what the controller takes: words apart by one space, nothing that is not printable, and
// at most that many bytes.
func oneLine(s string, most int) string {
	s = strings.Join(strings.Fields(strings.Map(printableOrSpace, s)), " ")
	if len(s) <= most {
		return s
	}
	const more = "…"
	end := most - len(more)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}

// printableOrSpace takes the replacement character for what it mostly stands for: bytes that are no UTF-8.
func printableOrSpace(r rune) rune {
	if r == utf8.RuneError || !unicode.IsPrint(r) {
		return ' '
	}
	return r
}
