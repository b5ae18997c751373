// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"crypto/tls"
	"testing"

	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/ssh"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/runner/host"
	"switchyard/upgrade"
)

// BenchmarkSession is what a runner does for "ssh web true": TLS, the proofs, SSH, the process, its end.
func BenchmarkSession(b *testing.B) {
	log := logrus.New()
	log.SetLevel(logrus.ErrorLevel)
	c := newController(b)
	target := anyAccount{host.New(host.Config{})}
	r, err := New(Config{Target: target, ContainerID: testID, Key: testKey, Controller: c, Node: "node-1", Log: log})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- r.Run(ctx) }()
	b.Cleanup(func() { stop(); <-ended })
	address := (<-c.reports).Address
	account, err := target.Account(ctx, "")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := oneSession(address, account.Name); err != nil {
			b.Fatal(err)
		}
	}
}

func oneSession(address, user string) error {
	conn, err := dialTLS(address, &tls.Config{MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	defer conn.Close()
	upgraded, err := prove(conn, address)
	if err != nil {
		return err
	}
	c, channels, requests, err := ssh.NewClientConn(upgraded, address, &ssh.ClientConfig{
		User: user, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return err
	}
	client := ssh.NewClient(c, channels, requests)
	defer client.Close()
	s, err := client.NewSession()
	if err != nil {
		return err
	}
	return s.Run("true")
}

// prove opens a connection as the controller does.
func prove(conn *tls.Conn, address string) (*upgrade.Conn, error) {
	e, err := proof.Export(conn.ConnectionState(), proof.ExporterLabel)
	if err != nil {
		return nil, err
	}
	grant, err := aGrant().Encode()
	if err != nil {
		return nil, err
	}
	r := requestFor(address, grant, testKey.AddressKey(address).Request(e, grant))
	upgraded, _, err := upgrade.Do(context.Background(), conn, r, api.ProtocolSSH)
	return upgraded, err
}
