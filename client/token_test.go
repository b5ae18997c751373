// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"strings"
	"testing"
)

func TestTokenIsPrintedUnderNoVerb(t *testing.T) {
	token := Token("swy_secret")
	cfg := Config{Token: token}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{token, cfg, &cfg} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "secret") || strings.Contains(s, "7365637265") {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
}

func TestTokenOfAnotherFormIsRefusedUnquoted(t *testing.T) {
	if got, err := ParseToken(" swy_abc\r\n"); err != nil || string(got) != "swy_abc" {
		t.Errorf("got %q, %v", string(got), err)
	}
	for _, s := range []string{"", "hunter2", "swy_a b", "swy_a\nhunter2", "swy_\x00", "swy_é", "swy_" + strings.Repeat("x", 1000)} {
		if _, err := ParseToken(s); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("ParseToken(%.20q): %v", s, err)
		}
	}
}
