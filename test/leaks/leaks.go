// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package leaks fails a package whose tests leave goroutines: a TestMain calls VerifyTestMain. It is goleak with more
// patience, since by itself that waits for half a second only, and on a busy machine what is ending takes longer.
package leaks

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/goleak"
)

// Patience is how long goroutines may take to end after the last test. It only bounds a failure.
const Patience = 30 * time.Second

// VerifyTestMain runs the tests, and fails the program if they passed and goroutines are left after Patience. Options
// ignore those that a library keeps on purpose. It does not return.
func VerifyTestMain(m goleak.TestingM, options ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		code = verdict(Find(Patience, options...))
	}
	os.Exit(code)
}

func verdict(leaked error) int {
	if leaked == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "leaks: left behind by the tests:", leaked)
	return 1
}

// Find waits until no goroutine is left, and describes those that are after the patience.
func Find(patience time.Duration, options ...goleak.Option) error {
	for end := time.Now().Add(patience); ; {
		leaked := goleak.Find(options...) // which waits for a while between its looks
		if leaked == nil || time.Now().After(end) {
			return leaked
		}
	}
}
