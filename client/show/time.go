// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"fmt"
	"time"
)

// Age is how long ago t was, in its one or two greatest units, as tables have it.
func Age(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return ""
	case d < 0:
		return "0s" // the controller's clock is ahead of ours
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Time is a point in time to the second, in UTC, as logs have it. Nil is empty.
func Time(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
