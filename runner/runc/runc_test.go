// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"switchyard/sshd"
	"switchyard/test/leaks"
)

// The runtime's loop for caught signals starts with the first Notify and never ends.
func TestMain(m *testing.M) {
	leaks.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.signal_recv"))
}

// newTemplate reads a container's configuration.
func newTemplate(t *testing.T, config string) (template, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return readTemplate(file)
}

func TestADescriptionKeepsWhatItDoesNotKnow(t *testing.T) {
	tmpl, err := newTemplate(t, `{"process": {"args": ["init"], "user": {"uid": 7}, "env": ["A=1"], "noNewPrivileges": true,
		"consoleSize": {"height": 9}, "capabilities": {"bounding": ["CAP_KILL"]}, "somethingNew": {"x": [1]}}}`)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tmpl.describe(Command{Args: []string{"/bin/sh"}, Env: []string{"A=2", "B=3"}, Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(`{"args": ["/bin/sh"], "user": {"uid": 7}, "env": ["A=2", "B=3"], "cwd": "/", "terminal": false,
		"noNewPrivileges": true, "capabilities": {"bounding": ["CAP_KILL"]}, "somethingNew": {"x": [1]}}`), &want)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// What confines a process is in the description alone, and is the same for every kind of process. Labels of AppArmor and
// SELinux can be compared with docker exec's only where the kernel has such a module.
func TestADescriptionHasTheContainersConfinement(t *testing.T) {
	const confinement = `"apparmorProfile": "docker-default", "selinuxLabel": "system_u:system_r:container_t:s0:c1,c2",
		"noNewPrivileges": true, "oomScoreAdj": 7, "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"]},
		"rlimits": [{"type": "RLIMIT_NPROC", "hard": 5, "soft": 4}], "scheduler": {"policy": "SCHED_BATCH"},
		"ioPriority": {"class": "IOPRIO_CLASS_IDLE"}`
	var want map[string]any
	if err := json.Unmarshal([]byte("{"+confinement+"}"), &want); err != nil {
		t.Fatal(err)
	}
	tmpl, err := newTemplate(t, `{"process": {"args": ["init"], "cwd": "/", `+confinement+`}}`)
	if err != nil {
		t.Fatal(err)
	}
	for kind, c := range map[string]Command{
		"on pipes":      {},
		"on a terminal": {Pty: &sshd.Pty{Size: sshd.WindowSize{Rows: 1, Columns: 2}}},
		"of a login":    {User: &User{UID: 1, GID: 2, Groups: []uint32{3}}, Env: []string{"A=1"}},
		"aside":         {Aside: true},
	} {
		text, err := tmpl.describe(c)
		var got map[string]any
		if err := errors.Join(err, json.Unmarshal(text, &got)); err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			if !reflect.DeepEqual(got[name], value) {
				t.Errorf("a process %s: %s is %v, want %v", kind, name, got[name], value)
			}
		}
	}
}

func TestAConfigurationWithoutAProcessIsRefused(t *testing.T) {
	for _, config := range []string{"", "{}", `{"process": null}`, `{"process": {"env": 5}}`, `{"process": []}`} {
		if _, err := newTemplate(t, config); err == nil {
			t.Errorf("%q was taken", config)
		}
	}
}

func TestTermIsDockersOnlyOnATerminal(t *testing.T) {
	pty := &sshd.Pty{}
	for _, c := range []struct {
		main bool
		env  []string
		pty  *sshd.Pty
		want string
	}{
		{false, nil, nil, ""}, {false, nil, pty, "TERM=xterm"}, {true, []string{"TERM=xterm"}, nil, ""},
		{true, []string{"TERM=xterm"}, pty, "TERM=xterm"}, {false, []string{"TERM=own"}, pty, "TERM=own"},
		{true, []string{"TERM=own"}, nil, "TERM=own"},
	} {
		if got := strings.Join((template{env: c.env, terminal: c.main}).environment(Command{Pty: c.pty}), " "); got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}

func TestLimitsAreReadAsTheKernelWritesThem(t *testing.T) {
	all, err := readLimits("/proc/self/limits")
	if err != nil || len(all) != len(limitNames) {
		t.Errorf("%d of %d limits were found: %v (%v)", len(all), len(limitNames), all, err)
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		t.Fatal(err)
	}
	if got := all["RLIMIT_CORE"]; got != (limit{"RLIMIT_CORE", core.Max, core.Cur}) {
		t.Errorf("got %+v, want %+v", got, core)
	}
	if got, err := parseLimit("unlimited"); got != math.MaxUint64 || err != nil {
		t.Errorf("unlimited is %d, %v", got, err)
	}
}

func TestOnlyWhatDiffersIsInherited(t *testing.T) {
	tmpl := template{fields: map[string]json.RawMessage{}}
	if err := tmpl.inherit(os.Getpid()); err != nil || tmpl.fields["rlimits"] != nil {
		t.Errorf("of itself: %s, %v", tmpl.fields["rlimits"], err)
	}
	other := exec.Command("sh", "-c", "ulimit -c 0; ulimit -n 77; echo; read x")
	stdin, _ := other.StdinPipe()
	stdout, _ := other.StdoutPipe()
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = stdout.Read(make([]byte, 1))
	tmpl.fields["rlimits"] = json.RawMessage(`[{"type": "RLIMIT_CORE", "hard": 5, "soft": 4}]`)
	err := tmpl.inherit(other.Process.Pid)
	stdin.Close()
	_ = other.Wait()
	var got []limit
	if err := errors.Join(err, json.Unmarshal(tmpl.fields["rlimits"], &got)); err != nil {
		t.Fatal(err)
	}
	want := []limit{{"RLIMIT_CORE", 5, 4}, {"RLIMIT_NOFILE", 77, 77}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAnotherShimsContainerIsRefused(t *testing.T) {
	if _, err := findShim(os.Getpid()); err == nil || !strings.Contains(err.Error(), "not by containerd's shim") {
		t.Errorf("got %v", err)
	}
	for name, binary := range map[string]string{"kata": "/usr/bin/kata-runtime", "gVisor": "runsc"} {
		s := shim{runtime: runtimeOptions{BinaryName: binary}}
		if _, err := s.program(); err == nil || !strings.Contains(err.Error(), "neither runc nor crun") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARunnerThatIsConfinedOtherwiseIsRefused(t *testing.T) {
	s := shim{pid: os.Getpid()}
	if err := s.confinedAlike(); err != nil {
		t.Errorf("like itself: %v", err)
	}
	other := exec.Command("setpriv", "--no-new-privs", "cat")
	stdin, _ := other.StdinPipe()
	stdout, _ := other.StdoutPipe()
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(stdin, "x") // its answer comes from cat, and not from setpriv any more
	io.ReadFull(stdout, make([]byte, 1))
	s.pid = other.Process.Pid
	if err := s.confinedAlike(); err == nil || !strings.Contains(err.Error(), `(NoNewPrivs "0", Docker has "1"): start it with the same (systemd: NoNewPrivileges=)`) {
		t.Errorf("unlike a process that may get no privileges: %v", err)
	}
	stdin.Close()
	_ = other.Wait()
	if got := statusField([]byte("Name:\tx\nNoNewPrivs:\t1\n"), "NoNewPrivs"); got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestOnlyAMasterIsTakenForATerminal(t *testing.T) {
	send := func(fds ...int) error {
		master, err := onlyMaster(unix.UnixRights(fds...))
		if err == nil {
			unix.Close(master)
		}
		return err
	}
	open := func(path string) int {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	if err := send(open("/dev/ptmx")); err != nil {
		t.Error(err)
	}
	if send(open("/dev/null")) == nil || send() == nil || send(open("/dev/ptmx"), open("/dev/ptmx")) == nil {
		t.Error("something else was taken")
	}
}

func TestWorkspacesOfTheDeadAreRemoved(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has workspaces")
	}
	base := t.TempDir()
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	kept := []string{fmt.Sprintf("%s%d-1", workspacePrefix, os.Getpid()), "other", workspacePrefix + "x-1"}
	gone := fmt.Sprintf("%s%d-1", workspacePrefix, dead.Process.Pid)
	for _, name := range append(kept, gone) {
		if err := os.MkdirAll(filepath.Join(base, name, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sweep(base)
	for _, name := range kept {
		if _, err := os.Stat(filepath.Join(base, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(base, gone)); err == nil {
		t.Error("a workspace without an owner is left")
	}
}

func TestTheLastErrorInTheLogIsTheComplaint(t *testing.T) {
	c := call(filepath.Join(t.TempDir(), "1"))
	if got := c.complaint(errors.New("exit status 1")); got != "exit status 1" {
		t.Errorf("without a log: %q", got)
	}
	log := `{"level":"warning","msg":"w"}` + "\n" + `{"level":"error","msg":"first"}` + "\nnonsense\n" + `{"level":"error","msg":"why"}` + "\n"
	if err := os.WriteFile(c.log(), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := c.complaint(errors.New("exit status 1")); got != "why" {
		t.Errorf("got %q", got)
	}
}

func TestUnknownOrphansAreReapedAndOthersAreNot(t *testing.T) {
	if err := family.open(); err != nil {
		t.Fatal(err)
	}
	defer family.close()
	// The orphan has a session of its own, as all that the runtime starts.
	family.start()
	orphan := func() int {
		out, err := exec.Command("setsid", "sh", "-c", "sh -c 'exec sleep 0.1' >&- 2>&- & echo $!").Output()
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		_, _ = fmt.Sscan(string(out), &pid)
		return pid
	}
	known, unknown := orphan(), orphan()
	for _, pid := range []int{known, unknown} {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			t.Errorf("process %d was not adopted, or reaped while another was being started: %v", pid, err)
		}
	}
	family.settle(known)
	if err := unix.Waitid(unix.P_PID, known, nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil); err != nil {
		t.Errorf("the known one was reaped: %v", err)
	}
	family.release(known)
	for _, pid := range []int{known, unknown} {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil); err != unix.ECHILD {
			t.Errorf("process %d is left: %v", pid, err)
		}
	}
}
