// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store keeps a controller's records in one SQLite file. [Open] opens it, makes or migrates
// its schema, and returns a [Store], which is a controller.Store. Who may see or do what is decided by
// package controller; here are queries only.
//
// The file is in WAL mode, so that reading never waits for writing. synchronous is FULL and not the
// NORMAL that is usual with WAL: with NORMAL a power cut takes back the last transactions, and what a
// controller has acknowledged (a token revoked, a container somebody has been inside of) must not come
// back. It costs one fsync per write, and a session writes twice.
//
// What a change must keep:
//   - There is one writing connection, and its transactions begin IMMEDIATE: SQLite has one writer, and
//     a transaction that turned from reading to writing could not be retried in place.
//   - Reading connections are query_only.
//   - A migration that has been released is never edited; another one follows it.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"switchyard/controller"
)

// readers is how many queries run at once. They are short, and each connection has a page cache.
const readers = 4

// Store is an open database. It is safe for concurrent use.
type Store struct {
	w *sql.DB // one connection
	r *sql.DB
}

var _ controller.Store = (*Store)(nil)

// Open opens the database file, making it when it is not there, readable to its owner alone. A schema
// newer than this program's is refused. ctx bounds the opening. The caller calls Close.
func Open(ctx context.Context, file string) (*Store, error) {
	if err := create(file); err != nil {
		return nil, err
	}
	w, err := open(file, "_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", 1)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, w, file); err != nil {
		w.Close()
		return nil, err
	}
	r, err := open(file, "_pragma=query_only(1)", readers)
	if err != nil {
		w.Close()
		return nil, err
	}
	return &Store{w: w, r: r}, nil
}

// create makes the file before SQLite does, which would leave its mode to the umask; SQLite gives the
// -wal and -shm files the mode of the main one.
func create(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the database: %v", err)
	}
	return f.Close()
}

func open(file, options string, conns int) (*sql.DB, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("opening the database %q: %v", file, err)
	}
	// The name is a URI, https://sqlite.org/uri.html: "?", "#" and "%" in a path would end or change it.
	uri := "file:" + (&url.URL{Path: abs}).EscapedPath() + "?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&" + options
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, fmt.Errorf("opening the database %q: %v", file, err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Close closes the database. Methods under way finish first.
func (s *Store) Close() error { return errors.Join(s.r.Close(), s.w.Close()) }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.r.QueryRowContext(ctx, "SELECT 1 FROM (SELECT count(*) FROM settings)").Scan(&one)
}

// write runs f in a transaction, which is rolled back when f or the commit fails.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning to write: %w", err)
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// exec runs one statement as a transaction of its own and tells how many rows it changed.
func (s *Store) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := s.w.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, known(err)
	}
	return res.RowsAffected()
}

// execOne is exec for a statement that must find its one record.
func (s *Store) execOne(ctx context.Context, query string, args ...any) error {
	n, err := s.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return controller.ErrNotFound
	}
	return err
}

// known turns what the database says into what a controller.Store says.
func known(err error) error {
	var e *sqlite.Error
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return controller.ErrNotFound
	case !errors.As(err, &e):
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return controller.ErrExists
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return controller.ErrNotFound
	}
	return err
}
