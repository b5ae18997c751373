// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

const cookie = "000102030405060708090a0b0c0d0eff"

func encodeX11(single bool, protocol, cookie string, screen int) []byte {
	return gossh.Marshal(x11ReqMsg{single, protocol, cookie, uint32(screen)})
}

// startX11 runs a command that was promised X11, and returns the end of its standard input beside what it wrote
// first: DISPLAY and XAUTHORITY.
func startX11(t *testing.T, c *gossh.Client, payload []byte) (s *gossh.Session, stdin io.Closer, display, file string) {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if ok, err := s.SendRequest("x11-req", true, payload); !ok {
		t.Fatalf("the request was refused: %v", err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Start(`echo "$DISPLAY $XAUTHORITY"; cat`); err != nil {
		t.Fatal(err)
	}
	display, file, _ = strings.Cut(strings.TrimSpace(readUntil(t, out, "\n")), " ")
	return s, in, display, file
}

// displayPort is the TCP port of a display.
func displayPort(t *testing.T, display string) int {
	t.Helper()
	var number, screen int
	if _, err := fmt.Sscanf(display, "localhost:%d.%d", &number, &screen); err != nil || number < x11FirstDisplay {
		t.Fatalf("DISPLAY is %q: %v", display, err)
	}
	return x11BasePort + number
}

func TestX11IsForwardedUntilTheSessionEnds(t *testing.T) {
	h, target := newFileHost(t)
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("x11")
	s, stdin, display, file := startX11(t, c, encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 1))
	if !strings.HasSuffix(display, ".1") || filepath.Base(file) != "Xauthority" {
		t.Errorf("DISPLAY %q, XAUTHORITY %q", display, file)
	}
	inside := dialPort(t, displayPort(t, display))
	open := receive(t, opens)
	from := inside.LocalAddr().(*net.TCPAddr)
	if m, err := parse[x11Msg](open.ExtraData()); err != nil || m != (x11Msg{"127.0.0.1", uint32(from.Port)}) {
		t.Errorf("the open says %+v, %v", m, err)
	}
	ch, requests, err := open.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	_, _, second, _ := startX11(t, c, encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 0))
	if second == display {
		t.Errorf("two sessions have the display %q", second)
	}
	stdin.Close()
	s.Wait()
	// The other session's stays. Whether anybody listens at the first one's port says nothing: it is anybody's now.
	eventually(t, "the end of the display", func() bool { return target.listeners() == 1 })
	go func() { io.WriteString(inside, "still drawing"); inside.CloseWrite() }()
	if got := readAll(t, ch); got != "still drawing" {
		t.Errorf("the connection from before carries %q", got)
	}
}

// One connection can have any number of sessions, one after another.
func TestTheXAuthorityFileGoesWithItsSession(t *testing.T) {
	h, _ := newFileHost(t)
	c, _ := h.dial("app")
	for _, single := range []bool{false, true} {
		s, stdin, _, file := startX11(t, c, encodeX11(single, "MIT-MAGIC-COOKIE-1", cookie, 0))
		_, _, _, other := startX11(t, c, encodeX11(single, "MIT-MAGIC-COOKIE-1", cookie, 0))
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
		stdin.Close()
		s.Wait()
		eventually(t, "the end of the file", func() bool {
			_, err := os.Stat(filepath.Dir(file))
			return errors.Is(err, os.ErrNotExist)
		})
		if _, err := os.Stat(other); err != nil {
			t.Errorf("the other session's: %v", err)
		}
	}
}

func TestX11SingleConnectionIsOne(t *testing.T) {
	h, target := newFileHost(t)
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("x11")
	_, _, display, _ := startX11(t, c, encodeX11(true, "MIT-MAGIC-COOKIE-1", cookie, 0))
	dialPort(t, displayPort(t, display))
	receive(t, opens).Reject(gossh.Prohibited, "")
	eventually(t, "the end of the display", func() bool { return target.listeners() == 0 })
}

func TestX11RequestsThatMayNotBeAreRefused(t *testing.T) {
	h, _ := newFileHost(t)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	for name, payload := range map[string][]byte{
		"nothing":          nil,
		"too much":         append(encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 0), 0),
		"no cookie":        encodeX11(false, "MIT-MAGIC-COOKIE-1", "", 0),
		"no hex":           encodeX11(false, "MIT-MAGIC-COOKIE-1", "zz", 0),
		"half a byte":      encodeX11(false, "MIT-MAGIC-COOKIE-1", "123", 0),
		"no protocol":      encodeX11(false, "", cookie, 0),
		"two words":        encodeX11(false, "a b", cookie, 0),
		"a huge cookie":    encodeX11(false, "MIT-MAGIC-COOKIE-1", strings.Repeat("00", maxCookie+1), 0),
		"a long protocol":  encodeX11(false, strings.Repeat("x", 65), cookie, 0),
		"a control in one": encodeX11(false, "x\n", cookie, 0),
	} {
		if request(t, ch, "x11-req", payload) {
			t.Errorf("%s was accepted", name)
		}
	}
	mustAccept(t, ch, "x11-req", encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 0))
	mustRefuse(t, ch, "x11-req", encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 0))
	mustAccept(t, ch, "exec", execMsg{"cat"})
	ch.Close()
	h, _ = newFileHost(t)
	h.grant.Features = []api.Feature{api.FeatureShell, api.FeatureRemoteForward}
	c, _ = h.dial("app")
	ch, _ = openChannel(t, c)
	mustRefuse(t, ch, "x11-req", encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 0))
	ch.Close()
}

func TestX11TakesTheNextDisplayThatIsFree(t *testing.T) {
	h, target := newFileHost(t)
	var asked []uint16
	target.listen = func(host string, port uint16) (net.Listener, error) {
		asked = append(asked, port)
		if len(asked) < 4 {
			return nil, &net.OpError{Op: "listen", Err: syscall.EADDRINUSE}
		}
		return net.Listen("tcp", "127.0.0.1:0")
	}
	c, _ := h.dial("app")
	_, _, display, _ := startX11(t, c, encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 0))
	if display != "localhost:13.0" || asked[0] != 6010 || asked[3] != 6013 {
		t.Errorf("DISPLAY is %q; asked for the ports %v", display, asked)
	}
}

func TestX11ThatFailsLeavesNoListener(t *testing.T) {
	h, target := newFileHost(t)
	target.fails = errors.New("no room")
	c, _ := h.dial("app")
	_, _, display, _ := startX11(t, c, encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 0))
	if display != os.Getenv("DISPLAY") || target.listeners() != 0 {
		t.Errorf("DISPLAY is %q, and %d listeners are left", display, target.listeners())
	}
}

// TestXauthReadsOurAuthority has the program that X clients' libraries agree with list the file.
func TestXauthReadsOurAuthority(t *testing.T) {
	xauth := tool(t, "xauth")
	file := filepath.Join(t.TempDir(), "Xauthority")
	content := xauthority("inside", 10, "MIT-MAGIC-COOKIE-1", []byte{0, 1, 2, 0xff})
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(xauth, "-f", file, "nlist").CombinedOutput()
	want := "0100 0006 696e73696465 0002 3130 0012 4d49542d4d414749432d434f4f4b49452d31 0004 000102ff\n" +
		"ffff 0000  0002 3130 0012 4d49542d4d414749432d434f4f4b49452d31 0004 000102ff\n"
	if err != nil || string(out) != want {
		t.Errorf("xauth nlist says %v\n%s\nwant\n%s", err, out, want)
	}
	out, _ = exec.Command(xauth, "-f", file, "list").CombinedOutput()
	if !strings.Contains(string(out), "inside/unix:10  MIT-MAGIC-COOKIE-1  000102ff\n") {
		t.Errorf("xauth list says\n%s", out)
	}
}

// TestOpenSSHForwardsX11 has an X client that only says hello come out at what stands for the user's X server, with the
// real cookie instead of the one that it found inside.
func TestOpenSSHForwardsX11(t *testing.T) {
	xauth := tool(t, "xauth") // without which ssh knows no cookie
	x, displays := xServer(t)
	home := t.TempDir()
	authority := filepath.Join(home, "authority")
	real := "aabbccddeeff00112233445566778899"
	if out, err := exec.Command(xauth, "-f", authority, "add", fmt.Sprintf("localhost:%d", x), ".", real).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h, _ := newFileHost(t)
	cmd := h.ssh(t, "-Y", "-o", "XAuthLocation="+xauth, "web", `echo "$DISPLAY $XAUTHORITY"; cat`)
	cmd.Env = append(os.Environ(), fmt.Sprintf("DISPLAY=localhost:%d.0", x), "XAUTHORITY="+authority, "HOME="+home)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	display, file, _ := strings.Cut(strings.TrimSpace(readUntil(t, out, "\n")), " ")
	listed, err := exec.Command(xauth, "-f", file, "list").CombinedOutput()
	fields := strings.Fields(string(listed))
	if err != nil || len(fields) < 3 {
		t.Fatalf("xauth list of the file inside: %v, %s", err, listed)
	}
	inside := dialPort(t, displayPort(t, display))
	inside.Write(xHello(t, fields[1], fields[2]))
	server := receive(t, displays)
	defer server.Close()
	defer inside.Close() // ssh ends with its last channel
	want := xHello(t, "MIT-MAGIC-COOKIE-1", real)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(server, got); err != nil || string(got) != string(want) {
		t.Errorf("the X server got %x, %v, want %x", got, err, want)
	}
}

// xServer is what listens where an X server would, on a display of its own, which it returns.
func xServer(t *testing.T) (display int, accepted <-chan net.Conn) {
	t.Helper()
	for display = 500; display < 900; display++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", x11BasePort+display))
		if err != nil {
			continue
		}
		conns := make(chan net.Conn, 1)
		go func() {
			if conn, err := l.Accept(); err == nil {
				conns <- conn
			}
		}()
		t.Cleanup(func() { l.Close() })
		return display, conns
	}
	t.Fatal("no display is free")
	return 0, nil
}

// xHello is the beginning of an X connection (X Window System Protocol, section 8), little-endian.
func xHello(t *testing.T, protocol, cookie string) []byte {
	t.Helper()
	var data []byte
	if _, err := fmt.Sscanf(cookie, "%x", &data); err != nil {
		t.Fatal(err)
	}
	b := []byte{'l', 0, 11, 0, 0, 0, byte(len(protocol)), 0, byte(len(data)), 0, 0, 0}
	b = append(b, protocol...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return append(b, data...)
}
