// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/runner/helper"
	"switchyard/sshd"
	"switchyard/test/rig"
	testworld "switchyard/test/world"
)

// openWithHelper is open of a target that has our own program for the inside.
func openWithHelper(t testing.TB, by Exec, spec rig.ContainerSpec) (*world, *helper.Program) {
	t.Helper()
	w := open(t, by, spec)
	return w, w.giveHelper(t)
}

// giveHelper gives the target our own program.
func (w *world) giveHelper(t testing.TB) *helper.Program {
	t.Helper()
	program := helper.New(testworld.Helper(t))
	t.Cleanup(func() { program.Close() })
	w.target.helper = program
	return program
}

// place is a container in which everything of ours must work, with an account and a directory that it can write.
type place struct {
	spec  rig.ContainerSpec
	login string
	dir   string
}

var places = map[string]place{
	"busybox":                {rig.ContainerSpec{}, "root", "/tmp"},
	"debian":                 {rig.ContainerSpec{Image: rig.Debian}, "root", "/tmp"},
	"another account":        {rig.ContainerSpec{}, "alice", "/home/alice"},
	"scratch":                {rig.ContainerSpec{Image: rig.Scratch}, "", "/"},
	"scratch, a number":      {rig.ContainerSpec{Image: rig.Scratch}, "4711:815", "/dev/shm"},
	"read-only":              {rig.ContainerSpec{ReadOnly: true}, "root", "/dev/shm"},
	"without capabilities":   {rig.ContainerSpec{Adjust: confine}, "root", "/tmp"},
	"confined and not root":  {rig.ContainerSpec{User: "alice", Adjust: confine}, "", "/home/alice"},
	"the host's namespaces":  {rig.ContainerSpec{Adjust: hostPID}, "alice", "/tmp"},
	"a home that is no home": {rig.ContainerSpec{}, "bob", "/tmp"},
}

func confine(o *createOptions) {
	o.HostConfig.CapDrop = []string{"ALL"}
	o.HostConfig.SecurityOpt = []string{"no-new-privileges"}
}

func hostPID(o *createOptions) { o.HostConfig.PidMode = "host" }

func TestSFTPIsServedInAnyContainerAsTheLoginAndConfinedAsAllElse(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			w, _ := openWithHelper(t, ExecRunc, place.spec)
			w.expectSFTP(t, place)
		})
	}
}

// expectSFTP expects our own program to serve sftp, and looks at it from outside.
func (w *world) expectSFTP(t *testing.T, place place) {
	t.Helper()
	a := w.account(t, place.login)
	p := w.sftp(t, sshd.Command{Account: a})
	file := filepath.Join(place.dir, "made by sftp")
	p.open(file, 2|8, 0o640)
	dir := "/proc/" + strconv.Itoa(w.helperPID(t))
	expectConfinedAsOthers(t, w, a, dir)
	var st unix.Stat_t
	if err := unix.Stat(dir+"/root"+file, &st); err != nil || st.Uid != w.root+a.UID || st.Gid != w.root+a.GID || st.Mode&0o7777 != 0o640 {
		t.Errorf("the file is %o of %d:%d, %v", st.Mode, st.Uid, st.Gid, err)
	}
	if home, want := p.realPath("."), homeOr(dir, a.Home); home != want {
		t.Errorf("it begins in %q, want %q", home, want)
	}
	if exe, err := os.Readlink(dir + "/exe"); err != nil || !strings.HasPrefix(exe, "/memfd:") {
		t.Errorf("it runs from %q, %v", exe, err)
	}
	if names := openFiles(t, dir); len(names) != 1 || names[0] != file {
		t.Errorf("it holds %q", names)
	}
}

// homeOr is the home, if it is there.
func homeOr(proc, home string) string {
	if info, err := os.Stat(proc + "/root" + home); err == nil && info.IsDir() {
		return home
	}
	return "/"
}

// expectConfinedAsOthers compares with a process that sleeps, the container's main one, what confines it, but for the
// identity, which is the login's.
func expectConfinedAsOthers(t *testing.T, w *world, a sshd.Account, dir string) {
	t.Helper()
	main := "/proc/" + strconv.Itoa(w.PID(t))
	for _, name := range []string{"ns/mnt", "ns/pid", "ns/net", "ns/ipc", "ns/uts", "ns/user", "ns/cgroup"} {
		got, err := os.Readlink(dir + "/" + name)
		if want, _ := os.Readlink(main + "/" + name); got != want || err != nil {
			t.Errorf("%s is %s, %v, and the main process's %s", name, got, err, want)
		}
	}
	got, want := status(t, dir), status(t, main)
	for _, name := range []string{"NoNewPrivs", "Seccomp", "Seccomp_filters", "CapBnd"} {
		if got[name] != want[name] {
			t.Errorf("%s is %q, and the main process's %q", name, got[name], want[name])
		}
	}
	if uid := fmt.Sprintf("%d\t%[1]d\t%[1]d\t%[1]d", w.root+a.UID); got["Uid"] != uid {
		t.Errorf("it runs as %q, want %q", got["Uid"], uid)
	}
}

func status(t *testing.T, dir string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(dir + "/status")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields
}

// openFiles are what a process holds, but for pipes and what the Go runtime opens.
func openFiles(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		to, _ := os.Readlink(filepath.Join(dir, "fd", e.Name()))
		if !strings.HasPrefix(to, "pipe:") && !strings.HasPrefix(to, "anon_inode:[event") && !strings.HasPrefix(to, "/sys/fs/cgroup/") {
			all = append(all, to)
		}
	}
	return all
}

// helperPID is the one process of the container that our program is.
func (w *world) helperPID(t *testing.T) int {
	t.Helper()
	found := w.helpers(t)
	if len(found) != 1 {
		t.Fatalf("the helpers are %v", found)
	}
	return found[0].PID
}

func (w *world) helpers(t *testing.T) (found []rig.Process) {
	t.Helper()
	return rig.Processes(func(p rig.Process) bool {
		exe, _ := os.Readlink("/proc/" + strconv.Itoa(p.PID) + "/exe")
		return strings.HasPrefix(exe, "/memfd:switchyard-helper") && inContainer(p.PID, w.ID) == nil
	})
}

// Without this capability, root of a container cannot even look: the helper is not dumpable (ptrace(2)).
var tracing = rig.ContainerSpec{Adjust: func(o *createOptions) { o.HostConfig.CapAdd = []string{"SYS_PTRACE"} }}

func TestRootInTheContainerCannotChangeTheHelpersProgram(t *testing.T) {
	t.Parallel()
	w, program := openWithHelper(t, ExecRunc, tracing)
	w.expectUnchangeable(t, program)
}

// expectUnchangeable has root of the container try to write to our own program.
func (w *world) expectUnchangeable(t *testing.T, program *helper.Program) {
	t.Helper()
	before := contents(t, program)
	w.sftp(t, sshd.Command{Account: w.account(t, "root")})
	r := w.Exec(t, "sh", "-c", `for p in /proc/[0-9]*; do case $(readlink $p/exe) in /memfd:switchyard*)
		echo found; for f in $p/exe $p/fd/*; do
			[ "$(readlink $f)" = "$(readlink $p/exe)" ] || continue
			(echo x 1<>$f) && echo wrote; (: >$f) && echo truncated; (echo x >>$f) && echo appended
		done;; esac; done`)
	if r.Stdout != "found\n" {
		t.Errorf("stdout %q, stderr %q", r.Stdout, r.Stderr)
	}
	if contents(t, program) != before {
		t.Error("the program is another now")
	}
}

func contents(t *testing.T, p *helper.Program) string {
	t.Helper()
	f, err := p.Sealed()
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func TestByDockerExecTheImagesOwnServerIsUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by  Exec
		why string
	}{"docker exec": {ExecDocker, ""}, "no helper": {ExecRunc, ""}} {
		t.Run(name, func(t *testing.T) {
			server, err := os.ReadFile("/usr/lib/openssh/sftp-server")
			if err != nil {
				rig.NeedTool(t, "/usr/lib/openssh/sftp-server")
			}
			w := open(t, c.by, rig.ContainerSpec{Image: rig.Debian})
			w.install(t, "/usr/libexec/openssh/sftp-server", server)
			p := w.sftp(t, sshd.Command{Account: w.account(t, "alice")})
			if home := p.realPath("."); home != "/home/alice" {
				t.Errorf("it begins in %q", home)
			}
		})
	}
}

// install puts a program into the container.
func (w *world) install(t *testing.T, path string, program []byte) {
	t.Helper()
	w.Shell(t, "mkdir -p "+filepath.Dir(path))
	root := "/proc/" + strconv.Itoa(w.PID(t)) + "/root"
	if err := os.WriteFile(root+path, program, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutAnyServerOneSentenceSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		by     Exec
		helper *helper.Program
		want   string
	}{
		"docker exec":        {ExecDocker, nil, "--exec runc"},
		"no helper":          {ExecRunc, nil, "install openssh-sftp-server"},
		"an unusable helper": {ExecRunc, helper.New("/bin/ls"), "dynamically"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, c.by, rig.ContainerSpec{})
			w.target.helper = c.helper
			_, err := w.target.SFTP(t.Context(), sshd.Command{Account: w.account(t, "root")})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestSFTPOnATerminalIsRefused(t *testing.T) {
	t.Parallel()
	w := open(t, ExecRunc, rig.ContainerSpec{})
	if _, err := w.target.SFTP(t.Context(), sshd.Command{Account: w.account(t, "root"), Pty: &sshd.Pty{}}); err == nil {
		t.Error("it started")
	}
}

// talk is an SFTP conversation, as far as these tests need one.
type talk struct {
	t *testing.T
	p sshd.Process
}

func (w *world) sftp(t *testing.T, c sshd.Command) *talk {
	t.Helper()
	p, err := w.target.SFTP(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	s := &talk{t, p}
	s.send([]byte{1, 0, 0, 0, 3})
	if version := s.receive(); version[0] != 2 {
		t.Fatalf("the first answer is %x", version)
	}
	return s
}

func (s *talk) send(packet []byte) {
	s.t.Helper()
	if _, err := s.p.Stdin().Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *talk) receive() []byte {
	s.t.Helper()
	var head [4]byte
	if _, err := io.ReadFull(s.p.Stdout(), head[:]); err != nil {
		stderr, _ := io.ReadAll(s.p.Stderr())
		s.t.Fatalf("%v: %s", err, stderr)
	}
	packet := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(s.p.Stdout(), packet); err != nil {
		s.t.Fatal(err)
	}
	return packet
}

func text(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// open opens a file, to be made with a mode.
func (s *talk) open(path string, flags, mode uint32) {
	s.t.Helper()
	b := text([]byte{3, 0, 0, 0, 1}, path)
	for _, n := range []uint32{flags, 4, mode} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	s.send(b)
	if r := s.receive(); r[0] != 102 {
		s.t.Fatalf("opening %q: %q", path, r)
	}
}

func (s *talk) realPath(path string) string {
	s.t.Helper()
	s.send(text([]byte{16, 0, 0, 0, 1}, path))
	r := s.receive()
	if r[0] != 104 {
		s.t.Fatalf("the path of %q: %q", path, r)
	}
	return string(r[13 : 13+binary.BigEndian.Uint32(r[9:])])
}
