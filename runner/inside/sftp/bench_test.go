// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/test/rig"
)

// The benchmarks take both servers in turn and report OpenSSH's time divided by ours: more is better.

const (
	benchBytes   = 512 << 20
	benchNames   = 10000
	outstanding  = 64 // as OpenSSH's client
	benchRounds  = 7
	smallPiece   = 32 << 10 // what clients ask for that do not know limits@openssh.com
	largestPiece = maxData
)

func BenchmarkRead(b *testing.B) {
	for _, piece := range []int{smallPiece, largestPiece} {
		b.Run(fmt.Sprint(piece>>10, "KiB"), func(b *testing.B) {
			compare(b, func(p *pipeline) {
				h := p.open(p.file, fxfRead)
				p.many(benchBytes/piece, func(i int) []byte { return packet(fxpRead, 1, h, int64(i*piece), piece) })
			})
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, piece := range []int{smallPiece, largestPiece} {
		b.Run(fmt.Sprint(piece>>10, "KiB"), func(b *testing.B) {
			data := strings.Repeat("x", piece)
			compare(b, func(p *pipeline) {
				h := p.open("/dev/null", fxfWrite)
				p.many(benchBytes/piece, func(i int) []byte { return packet(fxpWrite, 1, h, int64(i*piece), data) })
			})
		})
	}
}

func BenchmarkStat(b *testing.B) {
	compare(b, func(p *pipeline) {
		p.many(50000, func(int) []byte { return packet(fxpLstat, 1, p.file) })
	})
}

func BenchmarkList(b *testing.B) {
	compare(b, func(p *pipeline) {
		p.send(packet(fxpOpendir, 1, p.dir))
		f := fields{rest: p.receive()[5:]}
		h := f.string()
		for {
			p.send(packet(fxpReaddir, 1, h))
			if p.receive()[0] == fxpStatus {
				return
			}
		}
	})
}

// pipeline speaks with a server as fast as it can.
type pipeline struct {
	b         *testing.B
	in        io.Writer
	out       io.Reader
	file, dir string
	buf       []byte
}

func compare(b *testing.B, work func(*pipeline)) {
	rig.NeedTool(b, opensshServer)
	dir := b.TempDir()
	file := dir + "/big"
	if err := os.WriteFile(file, make([]byte, benchBytes), 0o644); err != nil {
		b.Fatal(err)
	}
	many := dir + "/many"
	if err := os.Mkdir(many, 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range benchNames {
		if err := os.WriteFile(fmt.Sprintf("%s/file-%d", many, i), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	var ours, theirs []time.Duration
	for range benchRounds {
		self := exec.Command("/proc/self/exe")
		self.Env = []string{asServer + "=/"}
		ours = append(ours, timedRun(b, self, file, many, work))
		theirs = append(theirs, timedRun(b, exec.Command(opensshServer), file, many, work))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	b.ReportMetric(float64(ours[benchRounds/2])/1e6, "ms")
	b.ReportMetric(float64(theirs[benchRounds/2])/float64(ours[benchRounds/2]), "x-server")
	b.ReportMetric(0, "ns/op")
}

func timedRun(b *testing.B, c *exec.Cmd, file, dir string, work func(*pipeline)) time.Duration {
	b.Helper()
	p := &pipeline{b: b, file: file, dir: dir, buf: make([]byte, maxPacket+4)}
	var err error
	if p.in, err = c.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	if p.out, err = c.StdoutPipe(); err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	p.send([]byte{fxpInit, 0, 0, 0, version})
	p.receive()
	start := time.Now()
	work(p)
	took := time.Since(start)
	p.in.(io.Closer).Close()
	if err := c.Wait(); err != nil {
		b.Fatal(err)
	}
	return took
}

func (p *pipeline) send(packet []byte) {
	if _, err := p.in.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...)); err != nil {
		p.b.Error(err)
	}
}

func (p *pipeline) receive() []byte {
	if _, err := io.ReadFull(p.out, p.buf[:4]); err != nil {
		p.b.Fatal(err)
	}
	packet := p.buf[:binary.BigEndian.Uint32(p.buf)]
	if _, err := io.ReadFull(p.out, packet); err != nil {
		p.b.Fatal(err)
	}
	return packet
}

func (p *pipeline) open(path string, pflags int) string {
	p.send(packet(fxpOpen, 1, path, pflags, attrs{}))
	f := fields{rest: p.receive()[5:]}
	return f.string()
}

// many asks n questions, some of them ahead of the answers.
func (p *pipeline) many(n int, question func(i int) []byte) {
	slots := make(chan struct{}, outstanding)
	go func() {
		for i := range n {
			slots <- struct{}{}
			p.send(question(i))
		}
	}()
	for range n {
		p.receive()
		<-slots
	}
}
