// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/sshd"
	"switchyard/test/rig"
)

func socketsOf(t *testing.T, w *world, a sshd.Account) sshd.Sockets {
	t.Helper()
	s, err := w.target.Sockets(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSocketsWorkInAnyContainerAndAreTheLoginsAlone(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			w, _ := openWithHelper(t, ExecRunc, place.spec)
			w.expectSockets(t, place)
		})
	}
}

// expectSockets expects sockets of the login's to be made and dialled, and to go.
func (w *world) expectSockets(t *testing.T, place place) {
	t.Helper()
	a := w.account(t, place.login)
	s := socketsOf(t, w, a)
	root := "/proc/" + strconv.Itoa(w.PID(t)) + "/root"
	at := filepath.Join(place.dir, "a socket")
	l, err := s.Listen(t.Context(), at, false)
	if err != nil {
		t.Fatal(err)
	}
	w.expectOwn(t, root+at, a, unix.S_IFSOCK|0o600)
	expectEcho(t, l, func() (net.Conn, error) { return s.Dial(t.Context(), at) })
	private, agent, err := s.ListenPrivate(t.Context(), "agent.1")
	if err != nil {
		t.Fatal(err)
	}
	w.expectOwn(t, root+agent, a, unix.S_IFSOCK|0o600)
	expectEcho(t, private, func() (net.Conn, error) { return s.Dial(t.Context(), agent) })
	file, _, err := s.WritePrivate(t.Context(), "xauthority", []byte("cookie"))
	if err != nil {
		t.Fatal(err)
	}
	w.expectOwn(t, root+file, a, unix.S_IFREG|0o600)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{at, agent, file} {
		if _, err := os.Lstat(root + path); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	rig.Eventually(t, timeout, func() (bool, string) {
		left := w.helpers(t)
		return len(left) == 0, fmt.Sprint(left)
	})
}

func (w *world) expectOwn(t *testing.T, path string, a sshd.Account, mode uint32) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil || st.Mode != mode || st.Uid != w.root+a.UID {
		t.Errorf("%s is %o of %d, %v", path, st.Mode, st.Uid, err)
	}
}

// expectEcho carries more than a socket holds, both ways at once.
func expectEcho(t *testing.T, l net.Listener, dial func() (net.Conn, error)) {
	t.Helper()
	near, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	go func() {
		io.Copy(far, far)
		far.(interface{ CloseWrite() error }).CloseWrite()
	}()
	sent := strings.Repeat("bytes", 1<<18)
	go func() {
		io.WriteString(near, sent)
		near.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if got, err := io.ReadAll(near); err != nil || string(got) != sent {
		t.Errorf("%d of %d bytes came back, %v", len(got), len(sent), err)
	}
}

func TestSFTPIsASessionAndTheHelperForSocketsIsNone(t *testing.T) {
	t.Parallel()
	place := places["another account"]
	w, _ := openWithHelper(t, ExecRunc, place.spec)
	a := w.account(t, place.login)
	s := socketsOf(t, w, a)
	if _, _, err := s.WritePrivate(t.Context(), "file", nil); err != nil {
		t.Fatal(err)
	}
	if c := w.target.Sessions(); c.Sessions != 0 || c.Processes != 0 {
		t.Errorf("with the helper for sockets: %+v", c)
	}
	w.sftp(t, sshd.Command{Account: a})
	if c := w.target.Sessions(); c.Sessions != 1 || c.Processes != 1 {
		t.Errorf("with sftp: %+v", c)
	}
}

func TestByDockerExecSocketsNameTheWayOut(t *testing.T) {
	t.Parallel()
	w, _ := openWithHelper(t, ExecDocker, rig.ContainerSpec{})
	if _, err := w.target.Sockets(w.account(t, "root")); err == nil || !strings.Contains(err.Error(), "--exec runc") {
		t.Errorf("the error is %v", err)
	}
}

// What root of the container kills or stops is its own loss.
func TestAHelperThatIsKilledOrStoppedKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	for _, signal := range []string{"KILL", "STOP"} {
		t.Run(signal, func(t *testing.T) {
			w, _ := openWithHelper(t, ExecRunc, rig.ContainerSpec{})
			s := socketsOf(t, w, w.account(t, "root"))
			if _, _, err := s.ListenPrivate(t.Context(), "agent"); err != nil {
				t.Fatal(err)
			}
			w.Shell(t, "kill -"+signal+` $(grep -l switchyard-brok /proc/[0-9]*/comm | cut -d/ -f3)`)
			s.Close()
			rig.Eventually(t, timeout, func() (bool, string) {
				left := w.helpers(t)
				return len(left) == 0, fmt.Sprint(left)
			})
		})
	}
}
