// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"io"
)

// channelChunk is how much is written to a channel at once. The largest packet is 32 KiB of data (RFC 4253
// section 6.1); a little less makes one that fits two TLS records of 16 KiB with its header, padding and
// MAC, where the largest would need three.
const channelChunk = 32<<10 - 64

// A copy's buffer begins small, as most sessions carry keystrokes, and grows as long as it comes back
// full. Large ones pay: a channel's read takes all that waits, and each read makes at most one window
// adjustment; its writes go out in few packets.
const (
	smallBuffer  = 4 << 10
	bufferGrowth = 8
	largeBuffer  = 8 * channelChunk // a full one leaves no small packet at its end
)

// pump copies src to dst until src ends or either fails. The reading error is nil at src's end.
func pump(dst io.Writer, src io.Reader) (readErr, writeErr error) {
	return pumpBy(dst, src, largeBuffer)
}

// pumpBy is pump with a buffer that becomes no larger than most, in bytes.
func pumpBy(dst io.Writer, src io.Reader, most int) (readErr, writeErr error) {
	buf := make([]byte, smallBuffer)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				return nil, werr
			}
		}
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
		if n == len(buf) && n < most {
			buf = make([]byte, min(n*bufferGrowth, most))
		}
	}
}

// chunks writes to a channel in chunks.
type chunks struct{ ch io.Writer }

func (c chunks) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		var wrote int
		wrote, err = c.ch.Write(p[:min(len(p), channelChunk)])
		n, p = n+wrote, p[wrote:]
	}
	return n, err
}

// discard reads src to its end for nobody.
func discard(src io.Reader) {
	pump(io.Discard, src)
}
