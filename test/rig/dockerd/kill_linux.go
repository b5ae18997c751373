// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerd

import (
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"switchyard/test/rig/proc"
)

// killMentioning kills every process whose command line names a file below dir
// (dockerd, containerd and its shims all do) and all their descendants (the
// containers), and waits until they are gone. The directory's name is random,
// so nobody else's process is meant by it.
func killMentioning(dir string) {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		processes := proc.Descendants(func(p proc.Process) bool {
			return p.PID != os.Getpid() && p.State != 'Z' && strings.Contains(strings.Join(p.Args, "\x00"), dir+"/")
		})
		if len(processes) == 0 {
			return
		}
		for _, p := range processes {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
}

// answers says whether somebody serves HTTP on the socket.
func answers(ctx context.Context, socket string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Write([]byte("GET /_ping HTTP/1.0\r\n\r\n")); err != nil {
		return false
	}
	status := make([]byte, len("HTTP/1.0 200"))
	n, _ := conn.Read(status)
	return strings.HasSuffix(string(status[:n]), "200")
}
