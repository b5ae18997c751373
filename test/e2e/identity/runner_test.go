// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/runner"
	"switchyard/runner/host"
	"switchyard/sshd"
	"switchyard/test/world"
	"switchyard/upgrade"
)

// impostor is a runner with the right proof that shows whatever host key it is told to. The runner of the
// project cannot be used for that: it refuses to show anything but its own key with a right certificate.
type impostor struct {
	t        *testing.T
	c        *world.Container
	key      proof.ContainerKey
	plain    ssh.Signer // what it reports as its host key
	reported ssh.Signer // the same with the controller's certificate

	mu    sync.Mutex // guards shown
	shown ssh.Signer

	tls      *tls.Config
	response func(proof.Exporter) proof.Proof
	ssh      *sshd.Server
}

// startImpostor reports to the controller as the container's runner, and serves this machine in its place.
func startImpostor(t *testing.T, w *world.World, c *world.Container) *impostor {
	t.Helper()
	key, err := proof.ParseContainerKey(strings.TrimSpace(c.Key(t)))
	if err != nil {
		t.Fatal(err)
	}
	i := &impostor{t: t, c: c, key: key, plain: newHostKey(t), tls: anyTLS(t)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	i.response = i.key.AddressKey(address).Response
	if i.ssh, err = sshd.New(sshd.Config{Target: host.New(host.Config{Name: "impostor"}), Signer: i.signer}); err != nil {
		t.Fatal(err)
	}
	i.serveAll(l)
	i.reported = certified(t, i.report(w, address), i.plain)
	i.show(i.reported)
	return i
}

// report tells the controller of the impostor and returns the certificate that it gets.
func (i *impostor) report(w *world.World, address string) (certificate string) {
	i.t.Helper()
	a, err := runner.NewAPI(runner.APIConfig{
		URL: w.URL, CAFile: filepath.Join(w.DataDir(), "tls-ca.crt"), ContainerID: i.c.ID, Key: i.key,
	})
	if err != nil {
		i.t.Fatal(err)
	}
	defer a.Close()
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(i.plain.PublicKey())))
	reported, err := a.Report(i.t.Context(), api.ReportRunner{Address: address, HostKey: line, Node: "impostor"})
	if err != nil {
		i.t.Fatal(err)
	}
	return reported.HostCertificate
}

func (i *impostor) show(s ssh.Signer) { i.mu.Lock(); defer i.mu.Unlock(); i.shown = s }

func (i *impostor) signer() ssh.Signer { i.mu.Lock(); defer i.mu.Unlock(); return i.shown }

// serveAll serves connections until the test ends.
func (i *impostor) serveAll(l net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	i.t.Cleanup(func() { cancel(); l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			all.Go(func() { defer stop(); defer conn.Close(); i.serve(ctx, conn) })
		}
	})
}

// serve answers whatever is asked with the response proof, and speaks SSH.
func (i *impostor) serve(ctx context.Context, plain net.Conn) {
	conn := tls.Server(plain, i.tls)
	if conn.HandshakeContext(ctx) != nil {
		return
	}
	e, err := proof.Export(conn.ConnectionState(), proof.ExporterLabel)
	if err != nil {
		return
	}
	br := bufio.NewReader(conn)
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	grant, err := api.DecodeGrant(r.Header.Get(api.HeaderGrant))
	if err != nil {
		return
	}
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n\r\n",
		api.ProtocolSSH, api.HeaderProof, i.response(e))
	early, _ := br.Peek(br.Buffered())
	i.ssh.Serve(ctx, upgrade.NewConn(conn, early), grant)
}

// anyTLS is what a runner's port speaks: whose certificate it is, nobody asks.
func anyTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS13, NextProtos: []string{"http/1.1"},
	}
}

func newHostKey(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// certified joins a key and the certificate for it.
func certified(t *testing.T, line string, key ssh.Signer) ssh.Signer {
	t.Helper()
	cert, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewCertSigner(cert.(*ssh.Certificate), key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// claimant shows one key's certificate and signs with another key.
type claimant struct {
	ssh.Signer
	claims ssh.PublicKey
}

func (c claimant) PublicKey() ssh.PublicKey { return c.claims }

// hostAuthority is the installation's own, for certificates that it would never sign.
func hostAuthority(t *testing.T, w *world.World) ssh.Signer {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.DataDir(), "ssh-ca"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.ParsePrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
