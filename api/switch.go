// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import "encoding/json"

// SwitchChange is what an update does with a switch that may be on, off, or left to what stands above it. The
// zero value leaves it as it is and is not sent; the others are true, false and null in JSON.
type SwitchChange struct {
	set   bool
	value *bool
}

// SetSwitch turns a switch on or off, or with nil gives it back to what stands above it.
func SetSwitch(value *bool) SwitchChange { return SwitchChange{set: true, value: value} }

// Change returns what the switch is to be, nil for neither on nor off; set tells whether it is to change at all.
func (c SwitchChange) Change() (value *bool, set bool) { return c.value, c.set }

// IsZero tells encoding/json to leave it out.
func (c SwitchChange) IsZero() bool { return !c.set }

// MarshalJSON implements json.Marshaler.
func (c SwitchChange) MarshalJSON() ([]byte, error) { return json.Marshal(c.value) }

// UnmarshalJSON implements json.Unmarshaler. It is called for null as well, and not for a field that is absent.
func (c *SwitchChange) UnmarshalJSON(b []byte) error {
	var value *bool
	if err := json.Unmarshal(b, &value); err != nil {
		return err
	}
	*c = SetSwitch(value)
	return nil
}
