// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// TestX11IsForwardedFromTheContainer has what stands for an X client in an image without any X program reach what stands
// for the user's X server, with the cookie that the client finds inside.
func TestX11IsForwardedFromTheContainer(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	xauth := rig.NeedTool(t, "xauth")
	display, conns := fakeDisplay(t)
	authority := filepath.Join(t.TempDir(), "authority")
	real := "aabbccddeeff00112233445566778899"
	output(t, exec.Command(xauth, "-f", authority, "add", fmt.Sprintf("localhost:%d", display), ".", real))
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{Spec: rig.ContainerSpec{Hostname: "inside"}, RunnerArgs: []string{"--exec", "runc"}})
	for _, login := range []string{"root", "alice"} {
		t.Run(login, func(t *testing.T) {
			c := w.SSHCommand(t, "-Y", "-o", "XAuthLocation="+xauth, login+"@web",
				`stat -c '%U %a' "$XAUTHORITY"; hexdump -v -e '/1 "%02x"' "$XAUTHORITY"; echo " $DISPLAY $XAUTHORITY"; cat`)
			c.Env = append(c.Env, fmt.Sprintf("DISPLAY=localhost:%d.0", display), "XAUTHORITY="+authority)
			in, out := world.Pipes(t, c)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			var user, mode, file, shown, path string
			if _, err := fmt.Fscan(out, &user, &mode, &file, &shown, &path); err != nil {
				t.Fatal(err)
			}
			var number int
			if _, err := fmt.Sscanf(shown, "localhost:%d.0", &number); err != nil || user != login || mode != "600" {
				t.Fatalf("DISPLAY is %q (%v), the file %q of %q", shown, err, mode, user)
			}
			// The first entry: family 256, the host name, the display's number, the protocol, 16 bytes of cookie.
			prefix := fmt.Sprintf("0100"+"0006"+"%x"+"0002"+"%x"+"0012"+"%x"+"0010", "inside", fmt.Sprint(number), "MIT-MAGIC-COOKIE-1")
			if len(file) < len(prefix)+32 || file[:len(prefix)] != prefix {
				t.Fatalf("the X authority file is %s, want it to begin with %s", file, prefix)
			}
			cookie := file[len(prefix) : len(prefix)+32]
			if cookie == real {
				t.Error("the user's own cookie is in the container")
			}
			hello := `printf 'l\0\013\0\0\0\022\0\020\0\0\0MIT-MAGIC-COOKIE-1\0\0'`
			for i := 0; i < len(cookie); i += 2 {
				hello += fmt.Sprintf(`; printf '\x%s'`, cookie[i:i+2])
			}
			// An X client does not end its input before it has been answered; ssh takes that for its end.
			x := web.Exec(t, "sh", "-c", fmt.Sprintf("mkfifo /tmp/%[1]s; exec 3<>/tmp/%[1]s; { %[2]s; } >&3; nc 127.0.0.1 %[3]d <&3", login, hello, 6000+number))
			if x.Stdout != "welcome" { // and the X server was shown nothing
				t.Fatalf("the X client got %q, %q", x.Stdout, x.Stderr)
			}
			got := <-conns
			if got != "MIT-MAGIC-COOKIE-1\x00\x00\xaa\xbb\xcc\xdd\xee\xff\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99" {
				t.Errorf("the X server was shown %q", got)
			}
			in.Close()
			io.Copy(io.Discard, out)
			c.Wait()
			rig.Eventually(t, world.Deadline, func() (bool, string) {
				r := web.Exec(t, "ls", filepath.Dir(path))
				return r.ExitCode != 0 && listening(t, web, 6000+number) == "", r.Stdout
			})
		})
	}
}

// fakeDisplay listens where an X server would, welcomes each client, and hands on what it authenticates itself with.
func fakeDisplay(t *testing.T) (display int, shown <-chan string) {
	t.Helper()
	for display = 600; display < 990; display++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 6000+display))
		if err != nil {
			continue
		}
		seen := make(chan string, 10)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				hello := make([]byte, 12+20+16)
				io.ReadFull(conn, hello)
				seen <- string(hello[12:])
				io.WriteString(conn, "welcome")
				conn.Close()
			}
		}()
		t.Cleanup(func() { l.Close(); <-done })
		return display, seen
	}
	t.Fatal("no display is free")
	return 0, nil
}
