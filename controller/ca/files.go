// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// checkEvery is how often Files looks whether its files have changed.
const checkEvery = 10 * time.Second

// Files gives a server the certificate in a pair of files, and follows them when they change.
type Files struct {
	certFile, keyFile string
	failed            func(error)

	mu      sync.Mutex // guards what follows; held while reading the files
	current *tls.Certificate
	stamp   [2]time.Time
	checked time.Time
}

// NewFiles loads a certificate chain and its key, in PEM. failed, which may be nil, is told when a
// later load fails; the certificate before it then stays in use.
func NewFiles(certFile, keyFile string, failed func(error)) (*Files, error) {
	if failed == nil {
		failed = func(error) {}
	}
	f := &Files{certFile: certFile, keyFile: keyFile, failed: failed}
	return f, f.Reload()
}

// Reload reads the files now.
func (f *Files) Reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load()
}

func (f *Files) load() error {
	stamp, err := f.modified()
	if err != nil {
		return err
	}
	// The stamp is from before the reading, so that a change in between is seen at the next check. A bad
	// pair is stamped too: it is reported once, and read again when it changes.
	f.stamp = stamp
	cert, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return fmt.Errorf("reading the certificate %q with the key %q: %v", f.certFile, f.keyFile, err)
	}
	f.current = &cert
	return nil
}

func (f *Files) modified() (stamp [2]time.Time, err error) {
	for i, name := range []string{f.certFile, f.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamp, fmt.Errorf("looking at a certificate file: %v", err)
		}
		stamp[i] = info.ModTime()
	}
	return stamp, nil
}

// GetCertificate is for tls.Config.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) >= checkEvery {
		f.checked = now
		f.follow()
	}
	if f.current == nil {
		return nil, errors.New("there is no certificate")
	}
	return f.current, nil
}

// follow loads the files when they have changed.
func (f *Files) follow() {
	stamp, err := f.modified()
	if err == nil && stamp == f.stamp {
		return
	}
	if err == nil {
		err = f.load()
	}
	if err != nil {
		f.failed(err)
	}
}
