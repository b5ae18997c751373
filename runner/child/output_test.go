// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package child

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// answer is what one read(2) of a terminal gives.
type answer struct {
	text string
	err  error
}

// plays is a terminal whose reads give these answers, and how many are left.
func plays(answers ...answer) (read func([]byte) (int, error), left *[]answer) {
	return func(p []byte) (int, error) {
		a := answers[0]
		answers = slices.Delete(answers, 0, 1)
		return copy(p, a.text), a.err
	}, &answers
}

func TestATerminalThatSaysItIsClosedIsReadOnceMore(t *testing.T) {
	closed := &os.PathError{Op: "read", Path: "ptmx", Err: unix.EIO}
	for name, c := range map[string]struct {
		answers []answer
		want    answer
		left    int
	}{
		"data that came with the close": {[]answer{{"", closed}, {"last", nil}, {"", closed}}, answer{"last", nil}, 1},
		"a close":                       {[]answer{{"", closed}, {"", closed}, {"", nil}}, answer{"", unix.EIO}, 1},
		"data":                          {[]answer{{"some", nil}, {"more", nil}}, answer{"some", nil}, 1},
		"the end of a pipe":             {[]answer{{"", io.EOF}, {"", nil}}, answer{"", io.EOF}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			read, left := plays(c.answers...)
			p := make([]byte, 10)
			n, err := again(read, p)
			if string(p[:n]) != c.want.text || !errors.Is(err, c.want.err) {
				t.Errorf("got %q, %v; want %q, %v", p[:n], err, c.want.text, c.want.err)
			}
			if len(*left) != c.left {
				t.Errorf("%d reads are left, want %d", len(*left), c.left)
			}
		})
	}
}

// An exit and the end of the connection end an output side by side, and the second then closes the file.
func TestWhoeverEndsAnOutputSecondFindsItEnded(t *testing.T) {
	for range 500 {
		s, err := OpenPipes()
		if err != nil {
			t.Fatal(err)
		}
		o, err := newOutput(s.stdout)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(s.child[1], "last words")
		var ending sync.WaitGroup
		for range 2 {
			ending.Go(func() { o.finish(); o.file.Close() })
		}
		ending.Wait()
		if got, err := io.ReadAll(o); string(got) != "last words" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		s.CloseChild()
		s.Close()
	}
}
