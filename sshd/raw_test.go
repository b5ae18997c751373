// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// rawClient is a client that can send any packet: the transport of RFC 4253 with curve25519-sha256, aes128-ctr
// and hmac-sha2-256. It verifies nothing and reads nothing but when it is told to.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader

	in, out         cipher.Stream // nil before the keys
	inMAC, outMAC   []byte
	inSeq, outSeq   uint32
	session, secret []byte
}

// startRaw exchanges keys.
func startRaw(t *testing.T, conn net.Conn) *rawClient {
	t.Helper()
	c := &rawClient{t: t, conn: conn, r: bufio.NewReader(conn)}
	c.exchangeKeys()
	return c
}

// dialRaw opens a connection and authenticates on it.
func dialRaw(t *testing.T, conn net.Conn) *rawClient {
	t.Helper()
	c := startRaw(t, conn)
	c.askToAuthenticate()
	c.send(gossh.Marshal(struct {
		User, Service, Method string `sshtype:"50"`
	}{"app", "ssh-connection", "none"}))
	c.receive(52)
	return c
}

func (c *rawClient) askToAuthenticate() {
	c.send(gossh.Marshal(struct {
		Service string `sshtype:"5"`
	}{"ssh-userauth"}))
	c.receive(6)
}

// exchangeKeys follows RFC 4253 sections 7 and 8 and RFC 8731.
func (c *rawClient) exchangeKeys() {
	const version = "SSH-2.0-raw"
	io.WriteString(c.conn, version+"\r\n")
	theirs, err := c.r.ReadString('\n')
	c.check(err)
	type lists struct {
		Cookie                                                       [16]byte `sshtype:"20"`
		Kex, Key, Cipher1, Cipher2, MAC1, MAC2, C1, C2, Lang1, Lang2 string
		Follows                                                      bool
		Reserved                                                     uint32
	}
	const cipher, mac = "aes128-ctr", "hmac-sha2-256"
	mine := gossh.Marshal(lists{Kex: "curve25519-sha256", Key: "ssh-ed25519", Cipher1: cipher, Cipher2: cipher, MAC1: mac, MAC2: mac, C1: "none", C2: "none"})
	c.send(mine)
	other := c.receive(20)

	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	c.check(err)
	c.send(gossh.Marshal(struct {
		Public []byte `sshtype:"30"`
	}{key.PublicKey().Bytes()}))
	var reply struct {
		HostKey, Public, Signature []byte `sshtype:"31"`
	}
	c.check(gossh.Unmarshal(c.receive(31), &reply))
	public, err := ecdh.X25519().NewPublicKey(reply.Public)
	c.check(err)
	shared, err := key.ECDH(public)
	c.check(err)
	c.secret = gossh.Marshal(struct{ K *big.Int }{new(big.Int).SetBytes(shared)})
	digest := sha256.Sum256(append(gossh.Marshal(struct {
		VC, VS, IC, IS string
		KS, QC, QS     []byte
	}{version, strings.TrimRight(theirs, "\r\n"), string(mine), string(other), reply.HostKey, key.PublicKey().Bytes(), reply.Public}), c.secret...))
	c.session = digest[:]
	c.send([]byte{21})
	c.receive(21)
	c.out, c.in = stream(c.derive('C')[:16], c.derive('A')[:16]), stream(c.derive('D')[:16], c.derive('B')[:16])
	c.outMAC, c.inMAC = c.derive('E'), c.derive('F')
}

func (c *rawClient) derive(letter byte) []byte {
	sum := sha256.Sum256(bytes.Join([][]byte{c.secret, c.session, {letter}, c.session}, nil))
	return sum[:]
}

func stream(key, iv []byte) cipher.Stream {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return cipher.NewCTR(block, iv)
}

func (c *rawClient) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("the raw client: %v", err)
	}
}

// packet is a payload as it goes over the wire (RFC 4253 section 6).
func (c *rawClient) packet(payload []byte) []byte {
	padding := 16 - (5+len(payload))%16
	if padding < 4 {
		padding += 16
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	b = append(append(append(b, byte(padding)), payload...), make([]byte, padding)...)
	if c.out != nil {
		sum := macOf(c.outMAC, c.outSeq, b)
		c.out.XORKeyStream(b, b)
		b = append(b, sum...)
	}
	c.outSeq++
	return b
}

func macOf(key []byte, seq uint32, packet []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(binary.BigEndian.AppendUint32(nil, seq))
	h.Write(packet)
	return h.Sum(nil)
}

func (c *rawClient) send(payload []byte) {
	c.t.Helper()
	_, err := c.conn.Write(c.packet(payload))
	c.check(err)
}

// receive reads one packet, which must be of this type.
func (c *rawClient) receive(kind byte) []byte {
	c.t.Helper()
	head := make([]byte, 16)
	_, err := io.ReadFull(c.r, head)
	c.check(err)
	if c.in != nil {
		c.in.XORKeyStream(head, head)
	}
	rest := make([]byte, binary.BigEndian.Uint32(head)+4-16)
	_, err = io.ReadFull(c.r, rest)
	c.check(err)
	if c.in != nil {
		c.in.XORKeyStream(rest, rest)
		_, err = c.r.Discard(sha256.Size)
		c.check(err)
	}
	c.inSeq++
	packet := append(head, rest...)
	payload := packet[5 : len(packet)-int(packet[4])]
	if payload[0] != kind {
		c.t.Fatalf("the raw client got a packet of type %d, wants %d: %q", payload[0], kind, payload)
	}
	return payload
}
