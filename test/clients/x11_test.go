// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
)

const (
	cookieName = "MIT-MAGIC-COOKIE-1"
	// realCookie is the one of the user's X server, which no container may learn.
	realCookie = "00112233445566778899aabbccddeeff"
	accepted   = "the display says yes"
)

// testX11 forwards an X server's display: one that answers clients with the right cookie.
func testX11(t *testing.T, f *fleet) {
	rig.NeedTool(t, "xauth")
	number, authority := f.display(t)
	with := func(args ...string) *exec.Cmd {
		c := f.ssh(append([]string{"-Y"}, args...)...)
		c.Env = append(c.Env, displayVars(number, authority)...)
		return c
	}
	f.each(t, func(t *testing.T, x *target) { f.useDisplay(t, x, with) })
}

// display starts the X server on the first free display.
func (f *fleet) display(t *testing.T) (number int, authority string) {
	t.Helper()
	var l net.Listener
	for number = 50; l == nil; number++ {
		l, _ = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 6000+number))
	}
	number--
	cookie, _ := hex.DecodeString(realCookie)
	accept(t, l, func(c net.Conn) {
		setup := make([]byte, len(setupPacket(cookie)))
		if _, err := io.ReadFull(c, setup); err == nil && bytes.Equal(setup, setupPacket(cookie)) {
			_, _ = io.WriteString(c, accepted)
		}
	})
	authority = filepath.Join(t.TempDir(), "authority")
	ok(t, f.command("xauth", "-q", "-f", authority, "add", fmt.Sprintf("127.0.0.1:%d", number), cookieName, realCookie))
	return number, authority
}

// displayVars tell the client of the display.
func displayVars(number int, authority string) []string {
	return []string{fmt.Sprintf("DISPLAY=127.0.0.1:%d", number), "XAUTHORITY=" + authority}
}

// setupPacket is the first of a connection, with its two strings padded to words of four bytes (X protocol,
// connection setup).
func setupPacket(cookie []byte) []byte {
	p := []byte{'l', 0}
	for _, n := range []int{11, 0, len(cookieName), len(cookie), 0} {
		p = binary.LittleEndian.AppendUint16(p, uint16(n))
	}
	pad := func(n int) []byte { return make([]byte, (4-n%4)%4) }
	p = append(append(p, cookieName...), pad(len(cookieName))...)
	return append(append(p, cookie...), pad(len(cookie))...)
}

// useDisplay connects as a program in the container would, by what its environment says.
func (f *fleet) useDisplay(t *testing.T, x *target, with func(...string) *exec.Cmd) {
	_, environ := x.sleep(t, 500000, with)
	display, authority := environ["DISPLAY"], environ["XAUTHORITY"]
	if authority == "" {
		authority = environ["HOME"] + "/.Xauthority"
	}
	var number int
	_, after, _ := strings.Cut(display, ":")
	if _, err := fmt.Sscan(strings.Split(after, ".")[0], &number); err != nil {
		t.Fatalf("DISPLAY is %q: %v", display, err)
	}
	list := ok(t, f.command("xauth", "-n", "-f", x.root+authority, "list"))
	cookie := cookieOf(t, list, fmt.Sprintf(":%d", number))
	if got := x.askDisplay(t, number, cookie); got != accepted {
		t.Errorf("the display answers %q", got)
	}
	wrong := bytes.Repeat([]byte{7}, len(cookie))
	if got := x.askDisplay(t, number, wrong); got != "" {
		t.Errorf("the display answers %q to a wrong cookie", got)
	}
	x.owned(t, x.root+authority)
	if hex.EncodeToString(cookie) == realCookie {
		t.Error("the container has the cookie of the user's own display")
	}
}

// cookieOf finds a display's line in what xauth lists.
func cookieOf(t *testing.T, list, display string) []byte {
	t.Helper()
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if len(fields) == 3 && strings.HasSuffix(fields[0], display) && fields[1] == cookieName {
			cookie, err := hex.DecodeString(fields[2])
			must(t, err)
			return cookie
		}
	}
	t.Fatalf("no cookie for %q in %q", display, list)
	return nil
}

func (x *target) askDisplay(t *testing.T, number int, cookie []byte) string {
	t.Helper()
	c, err := x.dial(t, fmt.Sprintf("127.0.0.1:%d", 6000+number))
	must(t, err)
	defer c.Close()
	_, err = c.Write(setupPacket(cookie))
	must(t, err)
	answer, _ := io.ReadAll(c)
	return string(answer)
}
