// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// The law of these: what reads payloads never panics, and what it took is written back byte for byte. So
// no payload has two readings, here and at whoever else reads it.

func FuzzPtyReq(f *testing.F) {
	f.Add(encode("xterm-256color", 80, 24, 640, 480, "\x81\x00\x00\x96\x00\x80\x00\x00\x96\x00\x01\x00\x00\x00\x03\x00"))
	f.Add(encode("", 0, 0, 0, 0, ""))
	f.Add(encode("vt100", -1, -1, -1, -1, "\xa0\x00"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, payload []byte) {
		parsePty(payload)
		checkWrittenBack[ptyReqMsg](t, payload)
	})
}

func FuzzTerminalModes(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte("\x01\x00\x00\x00\x03\x35\x00\x00\x00\x01\x00"))
	f.Add([]byte("\x01\x00\x00\x00\x03\xff"))
	f.Add([]byte("\x01\x00"))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		modes, err := decodeModes(encoded)
		if err != nil {
			return
		}
		// What follows the modes is TTY_OP_END and the like, or nothing.
		if again := encodeModes(modes); !bytes.HasPrefix(encoded, again) {
			t.Errorf("%x became %x", encoded, again)
		}
	})
}

// encodeModes is decodeModes's inverse, without TTY_OP_END.
func encodeModes(modes []TerminalMode) []byte {
	var b []byte
	for _, m := range modes {
		b = append(b, m.Opcode)
		b = binary.BigEndian.AppendUint32(b, m.Value)
	}
	return b
}

func FuzzEnv(f *testing.F) {
	f.Add(encode("LANG", "C.UTF-8"))
	f.Add(encode("A", ""))
	f.Add(encode("", "x"))
	f.Add(encode("LD_PRELOAD", "x"))
	f.Add(encode("A\x00", "x\x00"))
	f.Add(encode("A=B", "two\nlines"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, ok := checkWrittenBack[envMsg](t, payload)
		if !ok || checkEnv(m.Name, m.Value) != nil {
			return
		}
		name, value, _ := strings.Cut(m.Name+"="+m.Value, "=")
		if name != m.Name || value != m.Value || strings.Contains(name+value, "\x00") || strings.HasPrefix(name, "LD_") {
			t.Errorf("%q=%q was accepted", m.Name, m.Value)
		}
	})
}

func FuzzDirectTCPIP(f *testing.F) {
	f.Add(encode("localhost", 80, "127.0.0.1", 50000))
	f.Add(encode("fe80::1%eth0", 65535, "", 0))
	f.Add(encode("a\nb", 65536, "\x00", -1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		checkWrittenBack[directTCPIPMsg](t, payload)
		m, err := parseForward(payload)
		if err != nil {
			return
		}
		if m.Port == 0 || m.Port > 65535 || m.Host == "" || strings.ContainsAny(m.Host, "\x00\r\n\x1b /") {
			t.Errorf("%q port %d was accepted", m.Host, m.Port)
		}
	})
}

func FuzzTCPIPForward(f *testing.F) {
	f.Add(encode("localhost", 80))
	f.Add(encode("", 0))
	f.Add(encode("*", 65536))
	f.Add(encode("a\nb", -1))
	f.Fuzz(func(t *testing.T, payload []byte) {
		checkWrittenBack[tcpipForwardMsg](t, payload)
		m, err := parsePortForward(payload)
		if err == nil && (m.Port > 65535 || len(m.Host) > maxHost || strings.ContainsAny(m.Host, "\x00\r\n\x1b /")) {
			t.Errorf("%q port %d was accepted", m.Host, m.Port)
		}
	})
}

func FuzzStreamLocal(f *testing.F) {
	f.Add(encode("/run/socket", "", 0))
	f.Add(encode("/run/socket"))
	f.Add(encode("a\x00b"))
	f.Add(encode(strings.Repeat("x", maxSocketPath+1)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		checkWrittenBack[directStreamLocalMsg](t, payload)
		checkWrittenBack[streamLocalForwardMsg](t, payload)
		m, err := parseSocketForward(payload)
		if err == nil && (m.Path == "" || len(m.Path) > maxSocketPath || strings.Contains(m.Path, "\x00")) {
			t.Errorf("%q was accepted", m.Path)
		}
	})
}

// FuzzX11Req has a payload that has two readings: any byte but 0 is true.
func FuzzX11Req(f *testing.F) {
	f.Add(encodeX11(true, "MIT-MAGIC-COOKIE-1", cookie, 0))
	f.Add(encodeX11(false, "", "zz", -1))
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, err := parse[x11ReqMsg](payload)
		if err != nil || m.check() != nil {
			return
		}
		data, err := hex.DecodeString(m.Cookie)
		if err != nil || len(data) == 0 || len(data) > maxCookie || strings.ContainsAny(m.Protocol, " \n\x00\x1b") {
			t.Errorf("%+v was accepted", m)
		}
		if file := xauthority("inside", 10, m.Protocol, data); !bytes.HasSuffix(file, data) {
			t.Errorf("the file is %x", file)
		}
	})
}

func FuzzWindowChange(f *testing.F) {
	f.Add(encode(80, 24, 0, 0))
	f.Add(encode(-1, -1, -1, -1))
	f.Add(encode(80, 24, 0))
	f.Fuzz(func(t *testing.T, payload []byte) { checkWrittenBack[windowChangeMsg](t, payload) })
}

func FuzzSignal(f *testing.F) {
	f.Add(encode("TERM"))
	f.Add(encode(""))
	f.Add([]byte{0, 0, 0, 9, 'T'})
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, ok := checkWrittenBack[signalMsg](t, payload)
		if ok && isSignalName(m.Name) && (strings.HasPrefix(m.Name, "SIG") || strings.Trim(m.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ12") != "") {
			t.Errorf("%q was accepted", m.Name)
		}
	})
}

func FuzzOneLine(f *testing.F) {
	f.Add("plain")
	f.Add("a\x1b[2J\r\nb\xff\u202e\u2028é")
	f.Fuzz(func(t *testing.T, s string) {
		if line := oneLine(s); strings.ContainsAny(line, "\r\n\x1b\x00\u2028\u202e") || oneLine(line) != line {
			t.Errorf("%q became %q", s, line)
		}
	})
}

// checkWrittenBack parses a payload and checks that it is written back as it was.
func checkWrittenBack[M any](t *testing.T, payload []byte) (M, bool) {
	t.Helper()
	m, err := parse[M](payload)
	if err != nil {
		return m, false
	}
	if again := gossh.Marshal(m); !bytes.Equal(again, payload) {
		t.Errorf("%x became %x", payload, again)
	}
	return m, true
}
