// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/controller/ca"
	"switchyard/controller/store"
	"switchyard/proof"
)

// Names of the files in a data directory.
const (
	LockFile        = "lock"
	SystemTokenFile = "system.token"
	TLSFile         = "tls-ca.pem"
	TLSCertFile     = "tls-ca.crt"
	HostFile        = "ssh-ca"
	DatabaseFile    = "switchyard.db"
	AdminTokenFile  = "admin.token"
)

// What the first start makes.
const (
	FirstUser    = "admin"
	FirstProject = "default"
)

// Dir is an open data directory.
type Dir struct {
	Path        string
	SystemToken proof.SystemToken
	TLS         *ca.TLS
	Host        *ca.Host
	Store       *store.Store

	// AdminTokenFile is the file that holds the first admin's token, "" when it has been removed.
	AdminTokenFile string

	lock *os.File
}

// Open makes what is missing in the directory at path, which it makes as well, and loads the rest. It
// refuses a directory that another controller uses, that others may read, or that has a database and lacks one
// of Secrets. ctx bounds the opening.
// The caller calls Close.
func Open(ctx context.Context, path string) (*Dir, error) {
	d := &Dir{Path: path}
	if err := d.open(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) open(ctx context.Context) error {
	if err := prepare(d.Path); err != nil {
		return err
	}
	var err error
	if d.lock, err = lock(filepath.Join(d.Path, LockFile), d.Path); err != nil {
		return err
	}
	if err := removeUnfinished(d.Path); err != nil {
		return err
	}
	if err := checkSecrets(d.Path); err != nil {
		return err
	}
	for _, load := range []func() error{d.loadSystemToken, d.loadTLS, d.loadHost} {
		if err := load(); err != nil {
			return err
		}
	}
	if d.Store, err = store.Open(ctx, filepath.Join(d.Path, DatabaseFile)); err != nil {
		return err
	}
	return d.bootstrap(ctx)
}

// Close closes the database and lets another controller have the directory.
func (d *Dir) Close() error {
	var errs []error
	if d.Store != nil {
		errs = append(errs, d.Store.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

func (d *Dir) loadSystemToken() error {
	b, err := loadOrMake(d.Path, SystemTokenFile, makers[SystemTokenFile])
	if err != nil {
		return err
	}
	d.SystemToken, err = proof.ParseSystemToken(string(bytes.TrimSpace(b)))
	return d.reading(SystemTokenFile, err)
}

func (d *Dir) loadTLS() error {
	b, err := loadOrMake(d.Path, TLSFile, makers[TLSFile])
	if err != nil {
		return err
	}
	if d.TLS, err = ca.ParseTLS(b); err != nil {
		return d.reading(TLSFile, err)
	}
	_, err = loadOrMake(d.Path, TLSCertFile, func() ([]byte, error) { return d.TLS.PEM(), nil })
	return err
}

func (d *Dir) loadHost() error {
	b, err := loadOrMake(d.Path, HostFile, makers[HostFile])
	if err != nil {
		return err
	}
	d.Host, err = ca.ParseHost(b)
	return d.reading(HostFile, err)
}

// reading says which file an error is about. The errors of the parsers hold nothing of the content.
func (d *Dir) reading(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reading %q: %v", filepath.Join(d.Path, name), err)
}

// bootstrap makes the first admin, her project and her token, unless there are users.
func (d *Dir) bootstrap(ctx context.Context) error {
	users, err := d.Store.Users(ctx, controller.Page{Limit: 1})
	if err != nil {
		return fmt.Errorf("looking for users: %v", err)
	}
	file := filepath.Join(d.Path, AdminTokenFile)
	if len(users) == 0 {
		if err := d.makeAdmin(ctx, file); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(file); err == nil {
		d.AdminTokenFile = file
	}
	return nil
}

func (d *Dir) makeAdmin(ctx context.Context, file string) error {
	now := time.Now()
	secret, token := controller.NewToken(FirstUser, "made at the first start", now)
	if err := writeWhole(file, []byte(secret+"\n")); err != nil {
		return err
	}
	admin := api.User{Name: FirstUser, Admin: true, CreatedAt: now}
	if _, err := d.Store.Bootstrap(ctx, admin, FirstProject, token); err != nil {
		return fmt.Errorf("making the first admin: %v", err)
	}
	return nil
}
