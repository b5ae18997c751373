// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import "strings"

// withValue are the letters of ssh's options that take a value (ssh(1), SYNOPSIS).
const withValue = "BbcDEeFIiJLlmOoPpQRSWw"

// splitArgs tells ssh's options from the command behind them, as getopt(3) in ssh does: an option's
// value stands in the same word or is the next one, letters may be joined, "--" ends the options.
func splitArgs(args []string) (options, command []string) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return args[:i], args[i+1:]
		}
		if len(a) < 2 || a[0] != '-' {
			return args[:i], args[i:]
		}
		if takesNext(a[1:]) {
			i++
		}
	}
	return args, nil
}

// takesNext tells whether the value of the last option in a word of letters is the next word.
func takesNext(letters string) bool {
	for i := range len(letters) {
		if strings.IndexByte(withValue, letters[i]) >= 0 {
			return i == len(letters)-1
		}
	}
	return false
}
