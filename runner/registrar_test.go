// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/ssh"

	"switchyard/api"
)

// newRegistrar makes one with a heartbeat of a minute.
func newRegistrar(t *testing.T) (*registrar, *fakeController) {
	t.Helper()
	c := newController(t)
	key, err := newHostKey()
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	return &registrar{
		controller: c, key: key, heartbeat: time.Minute, log: log,
		report: api.ReportRunner{Address: "192.0.2.1:7022", HostKey: key.line(), Node: "node-1", DockerID: "abc", Exec: "docker"},
	}, c
}

func serial(t *testing.T, k *hostKey) uint64 {
	t.Helper()
	cert, ok := k.signer().PublicKey().(*ssh.Certificate)
	if !ok {
		t.Fatal("the host key has no certificate")
	}
	return cert.Serial
}

func TestTheReportSaysWhatTheControllerNeeds(t *testing.T) {
	w := launch(t, func(c *Config) {
		c.DockerID, c.Exec, c.ExecReason, c.Advertise = "abc", "docker", "the reason", "node-1.example"
	})
	got := bounded(t, "the report", w.reports)
	if got.Node != "node-1" || got.DockerID != "abc" || got.Exec != "docker" || got.ExecReason != "the reason" || !strings.HasPrefix(got.Address, "node-1.example:") {
		t.Errorf("the report is %+v", got)
	}
	if key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(got.HostKey)); err != nil || key.Type() != ssh.KeyAlgoED25519 {
		t.Errorf("the host key is %q, %v", got.HostKey, err)
	}
}

func TestRegistrationIsTriedUntilTheControllerIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newRegistrar(t)
		c.reportErrors = append(manyErrors(20), api.NewProblem(502, "", "", "proxy"), api.NewProblem(429, api.CodeTooMany, "", "slow down"))
		if _, err := g.register(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(c.reports) != 1 || serial(t, g.key) != 1 {
			t.Errorf("%d reports, certificate %d", len(c.reports), serial(t, g.key))
		}
	})
}

func TestRegistrationWaitsAsLongAsTheControllerSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newRegistrar(t)
		wait := api.NewProblem(503, api.CodeDraining, "", "draining")
		wait.RetryAfter = 20 * time.Second
		c.reportErrors = []error{wait}
		begin := time.Now()
		if _, err := g.register(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(begin); got < 16*time.Second {
			t.Errorf("it tried again after %v, need about 20 s", got)
		}
	})
}

func TestARegistrationThatCannotSucceedFailsAtOnce(t *testing.T) {
	for name, err := range map[string]error{
		"wrong key":         api.NewProblem(401, api.CodeSignature, "", "the reason"),
		"unknown container": api.NewProblem(404, api.CodeNotFound, "", "the reason"),
		"ended container":   api.NewProblem(410, api.CodeEnded, "", "the reason"),
		"another engine id": api.NewProblem(409, api.CodeConflict, "", "the reason"),
		"untrusted":         &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := launch(t, func(c *Config) { c.Controller.(*world).reportErrors = []error{err} })
			if got := w.outcome(); !errors.Is(got, err) || !strings.Contains(got.Error(), "registering with the controller") {
				t.Errorf("Run returned %v", got)
			}
		})
	}
}

func TestRegistrationEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newRegistrar(t)
		c.reportErrors = manyErrors(1000)
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { cancel(cause) })
		if _, err := g.register(ctx); err != cause {
			t.Errorf("the error is %v, need the cause", err)
		}
	})
}

// keeping runs keep in the background, after the first report.
func keeping(t *testing.T, g *registrar) (stop func() error) {
	t.Helper()
	reported, err := g.register(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	go func() { kept <- g.keep(ctx, reported) }()
	return func() error {
		cancel()
		return <-kept
	}
}

func TestTheCertificateIsRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newRegistrar(t)
		g.heartbeat, c.renewIn = 24*time.Hour, 10*time.Minute
		stop := keeping(t, g)
		for n := uint64(1); n <= 5; n++ {
			if got := serial(t, g.key); got != n {
				t.Errorf("after %d renewals the certificate is %d", n-1, got)
			}
			time.Sleep(10*time.Minute + time.Second)
			synctest.Wait()
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("keep returned %v", err)
		}
	})
}

func TestTheRunnerReportsWithoutAnyNeedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newRegistrar(t)
		stop := keeping(t, g)
		time.Sleep(time.Hour)
		stop()
		if n := len(c.reports); n < 50 || n > 76 {
			t.Errorf("%d reports in an hour, need about 60", n)
		}
	})
}

func TestARenewalTimeThatHasPassedMakesNoBusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newRegistrar(t)
		c.renewIn = -time.Hour
		stop := keeping(t, g)
		time.Sleep(10*time.Second + time.Millisecond)
		stop()
		if n := len(c.reports); n > 12 {
			t.Errorf("%d reports in ten seconds", n)
		}
	})
}

func TestAControllerThatIsAwayIsFoundAgainAndTheOldCertificateStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := newRegistrar(t)
		stop := keeping(t, g)
		c.set(func(c *fakeController) {
			c.reportErrors = append([]error{api.NewProblem(401, api.CodeSignature, "", "a key that is not known yet")}, manyErrors(1000)...)
		})
		time.Sleep(10 * time.Minute)
		if got := serial(t, g.key); got != 1 {
			t.Errorf("the certificate is %d, need the first", got)
		}
		c.set(func(c *fakeController) { c.reportErrors = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := serial(t, g.key); got < 2 {
			t.Error("the controller was not found again")
		}
		stop()
	})
}

func TestAContainerThatTheControllerHasNoMoreEndsTheRunner(t *testing.T) {
	for _, code := range []api.Code{api.CodeEnded, api.CodeNotFound} {
		w := start(t, func(c *Config) { c.Heartbeat = time.Second })
		s, pid := lasting(t, w)
		w.set(func(c *fakeController) { c.reportErrors = []error{api.NewProblem(410, code, "", "it is no more")} })
		if err := w.outcome(); err == nil || err.Error() != "it is no more" {
			t.Errorf("Run returned %v", err)
		}
		s.Wait()
		if got := s.stderr.String(); !strings.Contains(got, `the controller has no running container "web" any more`) || !gone(pid) {
			t.Errorf("the session was told %q; its process is gone: %v", got, gone(pid))
		}
	}
}

func TestCertificatesThatAreNotForThisHostAreNotUsed(t *testing.T) {
	other := newSigner(t)
	for name, forge := range map[string]func(*ssh.Certificate){
		"a user's":         func(c *ssh.Certificate) { c.CertType = ssh.UserCert },
		"another key's":    func(c *ssh.Certificate) { c.Key = other.PublicKey() },
		"for any host":     func(c *ssh.Certificate) { c.ValidPrincipals = nil },
		"expired":          func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Minute).Unix()) },
		"critical options": func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"unknown": ""} },
	} {
		g, c := newRegistrar(t)
		c.forge = forge
		if _, err := g.once(t.Context()); err == nil {
			t.Errorf("%s: the certificate was taken", name)
		}
		if _, certified := g.key.signer().PublicKey().(*ssh.Certificate); certified {
			t.Errorf("%s: the certificate is in use", name)
		}
	}
}

func TestLinesThatAreNoCertificateAreRefused(t *testing.T) {
	k, err := newHostKey()
	if err != nil {
		t.Fatal(err)
	}
	c := newController(t)
	line, err := c.sign(k.line())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"", "garbage", k.line(), line + line, strings.Replace(line, "AAAA", "AAAB", 1)} {
		if err := k.certify(s); err == nil {
			t.Errorf("%.60q was taken for a certificate", s)
		}
	}
	if err := k.certify(line); err != nil {
		t.Error(err)
	}
}
