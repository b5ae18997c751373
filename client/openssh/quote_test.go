// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"os/exec"
	"strings"
	"testing"

	"switchyard/test/rig"
)

// words are those that shells like to take apart.
var words = []string{
	"plain", "/a/b.c", "", " ", "a b", "it's", `"double"`, "$HOME", "$(id)", "`id`", "a;b", "a&b|c", "*", "~", "#x",
	"!!", "a!b", `back\slash`, `two\\`, `end\`, `\'`, "100%", "%h", "tab\there", "é", "{a,b}", "-o", "=x", "\xff\x80",
}

func TestQuoteWordIsUndoneByEveryShell(t *testing.T) {
	for _, shell := range []string{"sh", "bash", "zsh", "fish", "csh", "tcsh"} {
		t.Run(shell, func(t *testing.T) {
			path := rig.NeedTool(t, shell)
			for _, w := range words {
				q, err := quoteWord(w, "linux")
				if err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(path, "-c", "exec /usr/bin/printf %s "+q).Output()
				if err != nil || string(out) != w {
					t.Errorf("%q, quoted %s, is %q to %s: %v", w, q, out, shell, err)
				}
			}
		})
	}
}

func TestQuoteWordForWindowsReadsTheSameEverywhere(t *testing.T) {
	for in, want := range map[string]string{
		`C:\Program Files\switchyard.exe`: `"C:/Program Files/switchyard.exe"`,
		`C:\x.exe`:                        `C:/x.exe`,
		"":                                `""`,
	} {
		if got, err := quoteWord(in, "windows"); err != nil || got != want {
			t.Errorf("%q is quoted %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{`a"b`, "a$b", "a`b"} {
		if got, err := quoteWord(in, "windows"); err == nil {
			t.Errorf("%q is quoted %s", in, got)
		}
	}
}

func TestLineBreaksAreGivenToNobody(t *testing.T) {
	for _, s := range []string{"a\nb", "a\rb", "a\x00b"} {
		if _, err := quoteWord(s, "linux"); err == nil {
			t.Errorf("quoted the word %q", s)
		}
		if _, err := quoteOption(s, "linux"); err == nil {
			t.Errorf("quoted the option %q", s)
		}
	}
	if _, err := quoteOption("/a/${HOME}", "linux"); err == nil {
		t.Error("ssh would expand ${HOME}")
	}
}

func FuzzQuoteWord(f *testing.F) {
	for _, w := range words {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, w string) {
		q, err := quoteWord(w, "linux")
		if err != nil {
			return
		}
		if got, ok := unquote(q); !ok || got != w {
			t.Errorf("%q, quoted %s, is %q to sh", w, q, got)
		}
	})
}

// unquote reads one word as the POSIX shell does (XCU section 2.2), and tells whether it was one.
func unquote(q string) (word string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(q); i++ {
		switch {
		case q[i] == '\'':
			end := strings.IndexByte(q[i+1:], '\'')
			if end < 0 {
				return "", false
			}
			b.WriteString(q[i+1 : i+1+end])
			i += end + 1
		case q[i] == '\\':
			if i++; i == len(q) {
				return "", false
			}
			b.WriteByte(q[i])
		case strings.IndexByte(plain, q[i]) < 0:
			return "", false
		default:
			b.WriteByte(q[i])
		}
	}
	return b.String(), true
}
