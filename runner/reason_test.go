// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"switchyard/api"
)

func TestAControllerThatDoesNotKnowTheReasonIsToldTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newRegistrar(t)
		g.report.ExecReason, c.old = "the reason", true
		stop := keeping(t, g)
		if got := <-c.reports; got.ExecReason != "" || got.Exec != "docker" || got.Address != g.report.Address {
			t.Errorf("the report is %+v", got)
		}
		time.Sleep(reasonPause - time.Minute)
		synctest.Wait()
		if n := len(c.reports); n < 5 || c.refused != 1 {
			t.Errorf("%d reports came meanwhile and %d were refused, need the first alone", n, c.refused)
		}
		c.set(func(c *fakeController) { c.old = false }) // a later one takes its place
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		stop()
		last := api.ReportRunner{}
		for len(c.reports) > 0 {
			last = <-c.reports
		}
		if last.ExecReason != "the reason" {
			t.Errorf("the later controller was told %+v", last)
		}
	})
}

func TestAReportThatIsRefusedForSomethingElseIsRefused(t *testing.T) {
	refusal := api.NewProblem(400, api.CodeBadRequest, "The request is not right", "the node is empty")
	for _, reason := range []string{"", "the reason"} {
		g, c := newRegistrar(t)
		g.report.ExecReason = reason
		c.reportErrors = []error{refusal, refusal}
		if _, err := g.tell(t.Context()); err != refusal {
			t.Errorf("with the reason %q: %v", reason, err)
		}
		if !g.reasonAfter.IsZero() {
			t.Error("the reason is left out, which was not what was refused")
		}
	}
}

func TestAFailureTakesNoReasonAway(t *testing.T) {
	g, c := newRegistrar(t)
	g.report.ExecReason = "the reason"
	c.reportErrors = append(manyErrors(1), api.NewProblem(503, api.CodeDraining, "", "draining"))
	for range 2 {
		if _, err := g.tell(t.Context()); err == nil {
			t.Error("a failure was not told")
		}
	}
	if _, err := g.tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-c.reports; got.ExecReason != "the reason" {
		t.Errorf("the report is %+v", got)
	}
}

func TestTheReasonIsOnePrintableLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"plain":                      "plain",
		" two\nlines\r\n\tand more ": "two lines and more",
		"\x1b[31mred\x00":            "[31mred",
		"\u202eturned\u0085 \ufffd":  "turned",
		"no \xff UTF-8":              "no UTF-8",
		"\n\x7f":                     "",
	} {
		if got := oneLine(in, 100); got != want {
			t.Errorf("%q became %q, need %q", in, got, want)
		}
	}
}

func TestTheReasonIsBounded(t *testing.T) {
	for _, in := range []string{strings.Repeat("a", 1000), strings.Repeat("é", 500), "a" + strings.Repeat("é", 500), strings.Repeat("€", 400)} {
		got := oneLine(in, api.MaxExecReason)
		if len(got) > api.MaxExecReason || len(got) < api.MaxExecReason-3 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
			t.Errorf("%.10q… became %d bytes, %q", in, len(got), got)
		}
	}
	whole := strings.Repeat("a", api.MaxExecReason)
	if got := oneLine(whole, api.MaxExecReason); got != whole {
		t.Errorf("what fits became %q", got)
	}
}
