// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/test/rig"
)

// sftpSize is how much one transfer by sftp carries, and sftpNames how many files a listing names.
const (
	sftpSize  = 512 << 20
	sftpNames = 10000
)

// opensshServer is what ours is compared with, on this machine and as a copy in the container.
const opensshServer = "/usr/lib/openssh/sftp-server"

// BenchmarkSFTPDownload and the next two compare three: through Switchyard to its own server, through it to OpenSSH's
// server in the same container (x-server tells the two servers apart, over the same path), and with a plain sshd.
func BenchmarkSFTPDownload(b *testing.B) {
	y, dir := newFiles(b)
	y.compareSFTP(b, "get "+dir+"/big /dev/null", sftpSize)
}

func BenchmarkSFTPUpload(b *testing.B) {
	y, dir := newFiles(b)
	y.compareSFTP(b, "put "+dir+"/big /dev/null", sftpSize)
}

func BenchmarkSFTPList(b *testing.B) {
	y, dir := newFiles(b)
	y.compareSFTP(b, "ls -l "+dir+"/many", 0)
}

// newFiles makes the same files on this machine and in the container, at the same place.
func newFiles(b *testing.B) (*yard, string) {
	b.Helper()
	y := newYard(b)
	dir, err := os.MkdirTemp("/tmp", "bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	inside := "/proc/" + strconv.Itoa(y.web.PID(b)) + "/root"
	for _, root := range []string{"", inside} {
		must(b, os.MkdirAll(root+dir+"/many", 0o755))
		must(b, os.WriteFile(root+dir+"/big", make([]byte, sftpSize), 0o644))
		for i := range sftpNames {
			must(b, os.WriteFile(root+dir+"/many/file-"+strconv.Itoa(i), nil, 0o644))
		}
	}
	program, err := os.ReadFile(rig.NeedTool(b, opensshServer))
	must(b, err)
	must(b, os.MkdirAll(inside+filepath.Dir(opensshServer), 0o755))
	must(b, os.WriteFile(inside+opensshServer, program, 0o755))
	return y, dir
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// compareSFTP runs a command of sftp's in each way in turn.
func (y *yard) compareSFTP(b *testing.B, command string, size float64) {
	const rounds = 5
	var ours, server, sshd []time.Duration
	for range rounds {
		ours = append(ours, timed(b, y.sftp(b, command, y.ours(b, ""), "sftp")))
		server = append(server, timed(b, y.sftp(b, command, y.ours(b, ""), opensshServer)))
		sshd = append(sshd, timed(b, y.sftp(b, command, y.sshd(b, ""), opensshServer)))
	}
	b.ReportMetric(milliseconds(median(ours)), "ms")
	if size > 0 { // ratios of rates
		b.ReportMetric(size/median(ours).Seconds()/(1<<20), "MiB/s")
		b.ReportMetric(ratio(median(server), median(ours)), "x-server")
		b.ReportMetric(ratio(median(sshd), median(ours)), "x-sshd")
	} else { // of times
		b.ReportMetric(ratio(median(ours), median(server)), "x-server")
		b.ReportMetric(ratio(median(ours), median(sshd)), "x-sshd")
	}
	b.ReportMetric(0, "ns/op")
}

// sftp is a run of sftp over the connection of an ssh command, with one of the servers.
func (y *yard) sftp(b *testing.B, command string, ssh *exec.Cmd, server string) *exec.Cmd {
	b.Helper()
	script := filepath.Join(b.TempDir(), "ssh")
	var words []string
	for _, word := range ssh.Args[1 : len(ssh.Args)-1] { // without the command
		words = append(words, "'"+word+"'")
	}
	// What sftp adds is "-oForwardX11 no … [-s] -- host command": the host is in our own words.
	line := "exec " + ssh.Path + " " + strings.Join(words, " ")
	if server == "sftp" {
		line += " -s"
	}
	must(b, os.WriteFile(script, []byte("#!/bin/sh\n"+line+" "+server+"\n"), 0o755))
	c := exec.Command(rig.NeedTool(b, "sftp"), "-q", "-S", script, "-b", "-", "any")
	c.Stdin = strings.NewReader(command + "\n")
	c.Env = y.Env()
	return c
}
