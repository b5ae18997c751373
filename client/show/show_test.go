// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTextHoldsNoOrderToATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日本 👿":      "plain é 日本 👿",
		"\x1b]0;x\a":        `\x1b]0;x\a`,
		"a\r\nb":            `a\r\nb`,
		"\u202eevil":        `\u202eevil`,
		"\u009b31m":         `\u009b31m`,
		"\x9b31m":           `\x9b31m`,
		"zero\u200bwidth":   `zero\u200bwidth`,
		"\x7f":              `\x7f`,
		"back\\slash \"q\"": "back\\slash \"q\"",
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) is %s, want %s", in, got, want)
		}
	}
	if got := Line(" a\n\tb  c "); got != "a b c" {
		t.Errorf("Line is %q", got)
	}
	if got := Text(strings.Repeat("é", 5000)); len(got) > 2*maxText {
		t.Errorf("%d bytes are shown", len(got))
	}
}

func FuzzJSONIsTheSameDocumentWithoutOrders(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b[31m", "\u009b", "\u202e", "👿\U000e0001", "\x9b\xff", "\\u0041", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b strings.Builder
		if err := JSON(&b, map[string]string{s: s}); err != nil {
			t.Fatal(err)
		}
		for _, r := range b.String() {
			if r != '\n' && unprintable(r) {
				t.Errorf("%q reaches the terminal in %q", r, b.String())
			}
		}
		want, _ := json.Marshal(map[string]string{s: s})
		var back, plain map[string]string
		if err := json.Unmarshal([]byte(b.String()), &back); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(want, &plain); err != nil {
			t.Fatal(err)
		}
		for k, v := range plain {
			if back[k] != v {
				t.Errorf("%q has become %q", v, back[k])
			}
		}
		if !utf8.ValidString(b.String()) {
			t.Errorf("%q is not UTF-8", b.String())
		}
	})
}

func TestTableKeepsItsColumns(t *testing.T) {
	var b strings.Builder
	if err := Table(&b, []string{"A", "B", "C"}, [][]string{{"x\ty", "", "z\nw"}}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 3 || strings.Join(strings.Fields(lines[1]), " ") != "x y - z w" {
		t.Errorf("%q", b.String())
	}
}

func TestAgeIsInTheGreatestUnitThatStillTells(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 119 * time.Second: "119s", 2 * time.Minute: "2m", 119 * time.Minute: "119m",
		2 * time.Hour: "2h", 47 * time.Hour: "47h", 48 * time.Hour: "2d", 240 * time.Hour: "10d",
	} {
		if got := Age(now.Add(-ago), now); got != want {
			t.Errorf("Age of %v is %q, want %q", ago, got, want)
		}
	}
	if got := Age(time.Time{}, now); got != "" {
		t.Errorf("Age of no time is %q", got)
	}
}

func TestSizeHasOneUnit(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1024: "1.0KiB", 5 << 20: "5.0MiB", 1 << 40: "1.0TiB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) is %q, want %q", n, got, want)
		}
	}
}
