// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchyard/sshd"
	"switchyard/test/rig"
)

func TestExitCodesAreExact(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		for _, code := range []int{0, 1, 2, 126, 127, 128, 129, 137, 143, 255} {
			if got := w.run(t, line(fmt.Sprintf("exit %d", code)), "").exit; got != (sshd.Exit{Code: code}) {
				t.Errorf("exit %d: got %+v", code, got)
			}
		}
	})
}

func TestDeathBySignalIsNoExitCode(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		for _, name := range []string{"TERM", "KILL", "HUP", "INT", "SEGV", "USR1", "PIPE"} {
			got := w.run(t, line("kill -"+name+" $$; read x"), "").exit
			if got.Signal != name || got.Code != 0 {
				t.Errorf("%s: got %+v", name, got)
			}
		}
	})
}

func TestWaitReturnsTheSameToEverybody(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, line("read x; exit 9"))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if exit, err := p.Wait(); err != nil || exit.Code != 9 {
					t.Errorf("got %+v, %v", exit, err)
				}
			})
		}
		_ = p.Stdin().Close()
		wg.Wait()
	})
}

func TestStreamsAreApartAndEndWithTheInput(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		got := w.run(t, line("cat; echo to stderr >&2"), "some\x00input\n")
		if got.stdout != "some\x00input\n" || got.stderr != "to stderr\n" {
			t.Errorf("got %q and %q", got.stdout, got.stderr)
		}
	})
}

func TestPipesCarryEveryByte(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		all := everyByte(1 << 20)
		if got := w.run(t, line("cat"), all); got.stdout != all {
			t.Errorf("%d bytes came back as %d others", len(all), len(got.stdout))
		}
	})
}

// everyByte is a text of all bytes, among them the engine's detach keys in
// their order.
func everyByte(size int) string {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b), 16, 17, byte(b))
	}
	return string(bytes.Repeat(all, size/len(all)))
}

func TestEnvironmentIsTheImagesTheLoginsAndTheClients(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{Env: []string{"IMAGE=its own", "LANG=image"}, Hostname: "here"})
		command := line("env -0")
		command.Env = []string{"LINES2=a\nb=c", "EMPTY=", "LANG=client", "TWICE=1", "TWICE=2", "BAD=\xff"}
		got := map[string]bool{}
		for _, variable := range strings.Split(w.run(t, command, "").stdout, "\x00") {
			got[variable] = true
		}
		want := []string{
			"IMAGE=its own", "LANG=client", "HOSTNAME=here", "PATH=/usr/local/bin:/bin", "LINES2=a\nb=c", "EMPTY=", "TWICE=2",
			"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "PWD=/root", "SHLVL=1", "",
		}
		for _, variable := range want {
			if !got[variable] {
				t.Errorf("%q is missing", variable)
			}
			delete(got, variable)
		}
		if len(got) > 0 {
			t.Errorf("there is more: %q", slices.Collect(maps.Keys(got)))
		}
	})
}

func TestProcessesRunAsTheirLogin(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		for name, spec := range map[string]rig.ContainerSpec{
			"of root": {}, "of another": {User: "bob"}, "read-only": {ReadOnly: true},
		} {
			t.Run(name, func(t *testing.T) {
				w := open(t, by, spec)
				for login, want := range map[string]string{
					"root":      "0 0 /root root /bin/sh /root",
					"alice":     "1000 100 100,2000 /home/alice alice /bin/sh /home/alice",
					"1000":      "1000 100 100,2000 /home/alice alice /bin/sh /home/alice",
					"bob":       "1001 100 100 / bob /bin/sh", // a home that does not exist
					"1000:5":    "1000 5 5 /home/alice alice /bin/sh /home/alice",
					"4242":      "4242 0 0 / 4242 /bin/sh /",
					"4242:2000": "4242 2000 2000 / 4242 /bin/sh /",
				} {
					command := line("id -u; id -g; id -G | tr ' ' ,; pwd; echo $LOGNAME; echo $SHELL; echo $HOME")
					command.Account = w.account(t, login)
					got := strings.Join(strings.Fields(w.run(t, command, "").stdout), " ")
					if login == "root" {
						got = strings.Replace(got, firstField(got, 2)+" ", "", 1)
					}
					if login == "bob" {
						want += " " + command.Account.Home
					}
					if got != want {
						t.Errorf("%s: got %q, want %q", login, got, want)
					}
				}
			})
		}
	})
}

func firstField(text string, i int) string { return strings.Fields(text)[i] }

func TestACommandLineOfAnyBytesArrives(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		for _, command := range []string{
			"printf %s 'caf\xe9 \x01\x7f\xff'; printf %s '% \\\\n $x'\n\n",
			"printf %s 'ünïcode ✓ \u2028 <&>'", "printf %s \"$0\"'\n'", "# \xff\nprintf %s a\n#\n",
		} {
			// The same shell, started without any help, is the judge.
			want := w.Exec(t, "sh", "-c", strings.ReplaceAll(strings.ReplaceAll(command, "\xe9", "E"), "\xff", "F")).Stdout
			got := w.run(t, line(command), "").stdout
			if got = strings.ReplaceAll(strings.ReplaceAll(got, "\xe9", "E"), "\xff", "F"); got != strings.ReplaceAll(want, "sh", "/bin/sh") {
				t.Errorf("%q printed %q, want %q", command, got, want)
			}
		}
		command := line("echo a\x00b")
		command.Account = w.account(t, "root")
		if _, err := w.target.Start(t.Context(), command); err == nil || !strings.Contains(err.Error(), "NUL") {
			t.Errorf("a NUL: %v", err)
		}
	})
}

func TestALoginShellIsTold(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		w.Shell(t, "echo 'echo profile was read' > /etc/profile")
		if got := w.run(t, sshd.Command{Shell: true}, "exit 5\n"); got.stdout != "profile was read\n" || got.exit.Code != 5 {
			t.Errorf("a login shell: %+v", got)
		}
		if got := w.run(t, line("exit 5"), ""); got.stdout != "" {
			t.Errorf("a command: %+v", got)
		}
	})
}

func TestOutputOfAProcessThatHasExitedIsKept(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	for _, pty := range []*sshd.Pty{nil, {Modes: []sshd.TerminalMode{{Opcode: opOPOST, Value: 0}}}} {
		command := line("yes 0123456789abcde | head -c 1048576")
		command.Pty = pty
		p := w.start(t, command).(*process)
		// The engine closes the streams two seconds after the exit; not a byte
		// is read before it has.
		if _, err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		<-p.drained
		if got, want := finish(t, p).stdout, strings.Repeat("0123456789abcde\n", 1<<16); got != want {
			t.Errorf("%d bytes of %d are left", len(got), len(want))
		}
	}
}

// By the runtime, what a process leaves in its pipe stays there for as long as nobody reads it.
func TestWhatFitsIntoAPipeOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	w := open(t, ExecRunc, rig.ContainerSpec{})
	p := w.start(t, line("yes 0123456789abcde | head -c 65536"))
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := finish(t, p).stdout, strings.Repeat("0123456789abcde\n", 1<<12); got != want {
		t.Errorf("%d bytes of %d are left", len(got), len(want))
	}
}

func TestABackgroundProcessThatHoldsTheOutputDelaysItsEndALittle(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	got := w.run(t, line("sleep 1000 & echo started"), "")
	if got.stdout != "started\n" || got.exit.Code != 0 {
		t.Errorf("got %+v", got)
	}
}

// As with sshd, since no engine is there to close it.
func TestByTheRuntimeABackgroundProcessHoldsTheOutputOpenUntilTheSessionEnds(t *testing.T) {
	t.Parallel()
	w := open(t, ExecRunc, rig.ContainerSpec{})
	// A shell gives what it puts in the background /dev/null to read, unless told otherwise by another number.
	p := w.start(t, line("exec 3<&0; { read x; echo later; exec sleep 1000; } <&3 3<&- & echo started"))
	out := bufio.NewReader(p.Stdout())
	until(t, out, "started")
	if exit, err := p.Wait(); err != nil || exit.Code != 0 {
		t.Errorf("got %+v, %v", exit, err)
	}
	_, _ = io.WriteString(p.Stdin(), "go on\n")
	until(t, out, "later")
	p.End()
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	w.nothingLeft(t)
}

func TestOneStreamReachesItsReaderWhileTheOtherIsNotRead(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, line("head -c 200000 /dev/zero >&2; echo after"))
		got := make([]byte, 6)
		if _, err := io.ReadFull(p.Stdout(), got); err != nil || string(got) != "after\n" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestWritingToAProcessThatHasEndedFails(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		for _, pty := range []*sshd.Pty{nil, {}} {
			p := w.start(t, sshd.Command{Line: "exit 0", Pty: pty})
			finish(t, p)
			block := make([]byte, 32<<10)
			rig.Eventually(t, timeout, func() (bool, string) {
				_, err := p.Stdin().Write(block)
				return err != nil, "written"
			})
		}
	})
}

func TestSignalsReachTheProcess(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, line("trap 'echo caught; exit 4' USR1; echo ready; while :; do read x; done"))
		ready := make([]byte, 6)
		if _, err := io.ReadFull(p.Stdout(), ready); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal("NONSENSE"); err == nil {
			t.Error("a signal of no system was sent")
		}
		if err := p.Signal("USR1"); err != nil {
			t.Error(err)
		}
		if got := finish(t, p); got.stdout != "caught\n" || got.exit.Code != 4 {
			t.Errorf("got %+v", got)
		}
	})
}

// What is sent at once must not meet the runtime instead, which ignores USR1 and makes an exit code of SEGV.
func TestASignalThatIsSentAtOnceReachesTheProgram(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		for range 3 {
			for _, name := range []string{"USR1", "SEGV"} {
				p := w.start(t, line("exec sleep 1000"))
				if err := p.Signal(name); err != nil {
					t.Error(err)
				}
				if got := finish(t, p).exit; got.Signal != name {
					t.Fatalf("%s: got %+v", name, got)
				}
			}
		}
	})
}

func TestWithoutATerminalThereIsNothingToResizeOrBreak(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, line("read x"))
		if p.Resize(sshd.WindowSize{Columns: 1, Rows: 1}) == nil || p.Break() == nil {
			t.Error("there was")
		}
	})
}

func TestManyProcessesAtOnceAreNotMixedUp(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		root := w.account(t, "root")
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				command := sshd.Command{Account: root, Line: fmt.Sprintf("read x; echo $x; exit %d", i)}
				if i%2 == 0 {
					command.Pty = &sshd.Pty{Size: sshd.WindowSize{Columns: uint32(100 + i), Rows: 24}}
					command.Line = fmt.Sprintf("stty -echo size; read x; exit %d", i)
				}
				p, err := w.target.Start(context.Background(), command)
				if err != nil {
					t.Error(err)
					return
				}
				defer p.End()
				_, _ = fmt.Fprintf(p.Stdin(), "%d\n", 100+i)
				if got := finish(t, p); !strings.Contains(got.stdout, fmt.Sprint(100+i)) || got.exit.Code != i {
					t.Errorf("%d: got %+v", i, got)
				}
			})
		}
		wg.Wait()
	})
}

func TestNoDescriptorOfOursIsInside(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, line("ls /proc/self/fd | wc -l"))
		if got := strings.TrimSpace(finish(t, p).stdout); got != "4" { // three, and the directory
			t.Errorf("%s descriptors are open", got)
		}
	})
}
