// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"switchyard/api"
)

// fakeController signs host certificates and does otherwise what the test says.
type fakeController struct {
	authority ssh.Signer
	reports   chan api.ReportRunner // every report that was answered without an error
	ends      chan api.EndContainer // every end, answered or not

	mu     sync.Mutex // guards what follows
	serial uint64
	// Errors to answer with, first to last, before the calls succeed.
	reportErrors, endErrors []error
	renewIn                 time.Duration          // 0: an hour
	old                     bool                   // it refuses a reason for exec, which it does not know
	refused                 int                    // for that
	forge                   func(*ssh.Certificate) // changes certificates before they are signed
}

func newController(t testing.TB) *fakeController {
	t.Helper()
	return &fakeController{
		authority: newSigner(t),
		reports:   make(chan api.ReportRunner, 100),
		ends:      make(chan api.EndContainer, 100),
	}
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c *fakeController) Report(ctx context.Context, r api.ReportRunner) (api.RunnerReported, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := next(&c.reportErrors); err != nil {
		return api.RunnerReported{}, err
	}
	if c.old && r.ExecReason != "" {
		c.refused++
		return api.RunnerReported{}, api.NewProblem(400, api.CodeBadRequest, "The request is not right", `the field "exec_reason" is not known here`)
	}
	line, err := c.sign(r.HostKey)
	if err != nil {
		return api.RunnerReported{}, err
	}
	renewIn := c.renewIn
	if renewIn == 0 {
		renewIn = time.Hour
	}
	c.reports <- r
	return api.RunnerReported{Name: "web", Project: "demo", HostCertificate: line, RenewAt: time.Now().Add(renewIn)}, nil
}

func (c *fakeController) sign(hostKey string) (string, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(hostKey))
	if err != nil {
		return "", err
	}
	c.serial++
	cert := &ssh.Certificate{
		Key: key, CertType: ssh.HostCert, Serial: c.serial, ValidPrincipals: []string{"web"},
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(24 * time.Hour).Unix()),
	}
	if c.forge != nil {
		c.forge(cert)
	}
	if err := cert.SignCert(rand.Reader, c.authority); err != nil {
		return "", err
	}
	return string(ssh.MarshalAuthorizedKey(cert)), nil
}

func (c *fakeController) End(ctx context.Context, e api.EndContainer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends <- e
	return next(&c.endErrors)
}

func (c *fakeController) set(change func(*fakeController)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

func next(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}
