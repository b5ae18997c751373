// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"fmt"
	"slices"
	"strings"
)

// What the first and the last line of a block begin with; the suffix follows.
const (
	beginPrefix = "# BEGIN switchyard *."
	endPrefix   = "# END switchyard *."
)

// Config is the text of an ssh_config with at most one block for each suffix.
type Config struct {
	name  string   // for errors
	lines []string // with their ends; none is empty
}

// ParseConfig takes the text apart. name is the file's, for errors.
func ParseConfig(name, text string) Config {
	return Config{name: name, lines: slices.Collect(strings.Lines(text))}
}

// Text is the whole text.
func (c Config) Text() string { return strings.Join(c.lines, "") }

// Put returns the config with the block in it: in the place of the one for its suffix, or at the beginning.
// It refuses to replace the block of another context.
func (c Config) Put(b Block) (Config, error) {
	lines, err := b.Lines()
	if err != nil {
		return c, err
	}
	from, to, err := c.find(b)
	if err != nil {
		return c, err
	}
	if other := contextOf(c.lines[from:to]); other != "" && other != b.Context {
		return c, fmt.Errorf("in %q the names *.%s are those of the context %q: choose other names for the context %q by --suffix, or run \"switchyard config-ssh --suffix %s --remove\" first",
			c.name, b.Suffix, other, b.Context, b.Suffix)
	}
	return c.splice(from, to, c.ended(lines)), nil
}

// Remove returns the config without the block for the suffix, and with everything else as it was.
func (c Config) Remove(suffix string) (Config, error) {
	from, to, err := c.find(Block{Suffix: suffix})
	if err != nil {
		return c, err
	}
	return c.splice(from, to, nil), nil
}

// find returns where the block for the suffix stands, or the beginning when there is none.
func (c Config) find(b Block) (from, to int, err error) {
	begins, ends := c.places(b.begin()), c.places(b.end())
	switch {
	case len(begins) == 0 && len(ends) == 0:
		return 0, 0, nil
	case len(begins) != 1 || len(ends) != 1 || ends[0] < begins[0]:
		return 0, 0, fmt.Errorf("in %q the line %q must stand once, and %q once behind it; they stand in %s and %s: take out by hand what is left of the block",
			c.name, b.begin(), b.end(), numbers(begins), numbers(ends))
	}
	return begins[0], ends[0] + 1, nil
}

// places are the indices of the lines that are this marker.
func (c Config) places(marker string) (found []int) {
	for i, l := range c.lines {
		if strings.TrimSpace(l) == marker {
			found = append(found, i)
		}
	}
	return found
}

func numbers(places []int) string {
	if len(places) == 0 {
		return "no line"
	}
	text := "line"
	for i, p := range places {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprint(" ", p+1)
	}
	return text
}

// ended gives lines the ends that the file's have.
func (c Config) ended(lines []string) (ended []string) {
	end := "\n"
	if len(c.lines) > 0 && strings.HasSuffix(c.lines[0], "\r\n") {
		end = "\r\n"
	}
	for _, l := range lines {
		ended = append(ended, l+end)
	}
	return ended
}

func (c Config) splice(from, to int, lines []string) Config {
	c.lines = slices.Concat(c.lines[:from], lines, c.lines[to:])
	return c
}
