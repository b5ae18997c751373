// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package daemon runs a controller as a process: [Run] opens the data directory, listens, serves, and
// follows signals until it is told to stop. What the flags of "switchyardd controller" say is in [Options].
package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/controller/ca"
	"switchyard/controller/datadir"
	"switchyard/upgrade"
)

// DefaultDrainTimeout is how long a stop waits for sessions.
const DefaultDrainTimeout = 30 * time.Second

// expiryNotice is how long before its end the TLS authority is warned about.
const expiryNotice = 180 * 24 * time.Hour

// Options are what a controller process is told. Only DataDir and Listen are required.
type Options struct {
	DataDir string
	Listen  []string // as controller.Listen takes them

	TLSCert, TLSKey string   // files; both or neither: a certificate of the installation's own
	TLSNames        []string // further names and IP addresses of the installation's own certificate

	ShellAccess        api.ShellAccess // "": as it was
	MaxSessions        int             // 0: no limit
	MaxSessionsPerUser int             // 0: no limit
	DrainTimeout       time.Duration   // 0: sessions are cut at the stop
	KeepAlive          time.Duration   // silence before a peer is probed, and between probes; 0: 15 s
	Version            string

	Log logrus.FieldLogger // required

	// Listening, if set, is called once everything listens.
	Listening func([]net.Addr)
}

// Check tells what makes no sense in the options, without looking at anything but them.
func (o Options) Check() error {
	if len(o.Listen) == 0 {
		return errors.New("a controller needs an address to listen on")
	}
	for _, address := range o.Listen {
		if err := controller.CheckAddress(address); err != nil {
			return err
		}
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return errors.New("a TLS certificate and its key go together: give both files or neither")
	}
	return controller.CheckShellAccess(o.ShellAccess)
}

// Run runs a controller until a signal stops it or it fails. SIGHUP reads the certificate files again;
// any other signal lets sessions drain, a second one cuts them. When ctx is done they are cut as well. Options that
// cannot work are refused before anything is made in the data directory.
func Run(ctx context.Context, o Options, signals <-chan os.Signal) error {
	if err := o.Check(); err != nil {
		return err
	}
	files, err := o.files()
	if err != nil {
		return err
	}
	dir, err := datadir.Open(ctx, o.DataDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if dir.AdminTokenFile != "" {
		o.Log.WithField("file", dir.AdminTokenFile).Info("the first admin's token is in a file: remove it when you have saved the token")
	}
	certs := o.certificates(dir, files)
	c, err := controller.New(ctx, o.config(dir, certs))
	if err != nil {
		return err
	}
	listeners, err := controller.Listen(o.Listen)
	if err != nil {
		return err
	}
	o.announce(listeners)
	p := process{Options: o, controller: c, certs: certs}
	if err := p.serve(ctx, listeners, signals); err != nil {
		return err
	}
	o.Log.Info("stopped")
	return nil
}

func (o Options) config(dir *datadir.Dir, certs certificates) controller.Config {
	cfg := controller.Config{
		Store: dir.Store, SystemToken: dir.SystemToken, Host: dir.Host,
		GetCertificate: certs.get, Authority: dir.TLS.PEM(),
		Log: o.Log, Version: o.Version, ShellAccess: o.ShellAccess,
		MaxSessions: o.MaxSessions, MaxSessionsPerUser: o.MaxSessionsPerUser,
		Probes: upgrade.Probes{Idle: o.KeepAlive, Interval: o.KeepAlive},
	}
	if certs.files != nil {
		cfg.Authority = nil // it is somebody else's, whom clients know already or are told of
	}
	return cfg
}

func (o Options) announce(listeners []net.Listener) {
	var addrs []net.Addr
	for _, l := range listeners {
		addrs = append(addrs, l.Addr())
		o.Log.WithField("address", l.Addr().String()).Info("listening")
	}
	if o.Listening != nil {
		o.Listening(addrs)
	}
}

// certificates is where the server's certificate comes from.
type certificates struct {
	get   func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	files *ca.Files // nil: the installation's own
}

// files loads the certificate that the options name, nil when they name none.
func (o Options) files() (*ca.Files, error) {
	if o.TLSCert == "" {
		return nil, nil
	}
	return ca.NewFiles(o.TLSCert, o.TLSKey, func(err error) {
		o.Log.WithError(err).Error("the TLS certificate has changed and cannot be read: the one before stays in use")
	})
}

func (o Options) certificates(dir *datadir.Dir, files *ca.Files) certificates {
	if files != nil {
		return certificates{get: files.GetCertificate, files: files}
	}
	if end := dir.TLS.Expires(); time.Until(end) < expiryNotice {
		o.Log.WithFields(logrus.Fields{"file": datadir.TLSFile, "expires": end.Format(time.DateOnly)}).
			Warn("the TLS authority is about to expire: replace it (the operations manual says how), and have every client log in again")
	}
	return certificates{get: ca.NewSelf(dir.TLS, o.names, nil).GetCertificate}
}

// process is a controller that serves.
type process struct {
	Options
	controller *controller.Controller
	certs      certificates
}

// serve returns when the controller has stopped and nothing of it runs any more.
func (p process) serve(ctx context.Context, listeners []net.Listener, signals <-chan os.Signal) error {
	served := make(chan error, 1)
	go func() { served <- p.controller.Serve(listeners...) }()
	var stopping chan error // of Shutdown, once it has been asked for
	for {
		select {
		case err := <-served:
			if stopping != nil {
				err = errors.Join(err, <-stopping)
			}
			return err
		case <-ctx.Done():
			p.controller.Close()
			ctx = context.WithoutCancel(ctx)
		case s := <-signals:
			stopping = p.signal(s, stopping)
		}
	}
}

func (p process) signal(s os.Signal, stopping chan error) chan error {
	log := p.Log.WithField("signal", fmt.Sprint(s))
	switch {
	case s == syscall.SIGHUP:
		p.reload(log)
	case stopping != nil:
		log.Warn("stopping at once")
		p.controller.Close()
	default:
		log.WithField("drain", p.DrainTimeout.String()).Info("stopping: no session is opened any more")
		stopping = make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), p.DrainTimeout)
			defer cancel()
			stopping <- p.controller.Shutdown(ctx)
		}()
	}
	return stopping
}

func (p process) reload(log logrus.FieldLogger) {
	if p.certs.files == nil {
		log.Info("there is nothing to read again: the TLS certificate is the installation's own")
		return
	}
	if err := p.certs.files.Reload(); err != nil {
		log.WithError(err).Error("the TLS certificate cannot be read: the one before stays in use")
		return
	}
	log.Info("the TLS certificate was read again")
}
