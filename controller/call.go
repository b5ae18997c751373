// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"switchyard/api"
)

// call is one request on its way through a handler.
type call struct {
	w      *recorder
	r      *http.Request
	id     string // of this request, a UUID; a session's once there is one
	route  *route // nil: none matched
	params map[string]string
	caller caller
	log    logrus.FieldLogger

	bodyRead  []byte
	bodyTaken bool
}

// recorder remembers the status of the answer.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing has been answered
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController, which hijacks through it.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// reply answers with a JSON value.
func (x *call) reply(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	x.w.Write(append(b, '\n')) // the peer may be gone: nobody is left to tell
	return nil
}

// done answers that it has been done and there is nothing to say about it.
func (x *call) done() error {
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// body reads the whole request body, once.
func (x *call) body() ([]byte, error) {
	if x.bodyTaken {
		return x.bodyRead, nil
	}
	b, err := io.ReadAll(http.MaxBytesReader(x.w.ResponseWriter, x.r.Body, api.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, api.NewProblem(http.StatusRequestEntityTooLarge, api.CodeTooLarge, "The request is too large",
			"the request body has more than %d bytes", api.MaxBody)
	case err != nil:
		return nil, badRequest("the request body ended early")
	}
	x.bodyRead, x.bodyTaken = b, true
	return b, nil
}

// decode reads the body as one JSON object of v's fields and nothing else: a misspelt field that was
// ignored would leave a constraint unset.
func (x *call) decode(v any) error {
	b, err := x.body()
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest("%s", decodeReason(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest("the request body goes on after the JSON object")
	}
	return nil
}

func decodeReason(err error) string {
	var wrongType *json.UnmarshalTypeError
	field, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.Is(err, io.EOF):
		return "the request body is empty: send a JSON object"
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return "the field " + strconv.Quote(wrongType.Field) + " is a JSON " + wrongType.Value + ", need " + jsonName(wrongType.Type.Kind())
	case unknown:
		return "the field " + field + " is not known here"
	}
	return "the request body is not a JSON object of the fields known here"
}

// jsonName is what JSON calls a kind of Go's.
func jsonName(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return "number" // the fields are of no other kind
}

// query returns the one value of a query parameter, "" when it is absent.
func query(q url.Values, name string) (string, error) {
	switch v := q[name]; len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", badRequest("the query names %q more than once", name)
}

// queries parses the query and refuses parameters that are not known.
func (x *call) queries(known ...string) (url.Values, error) {
	q, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query is malformed")
	}
	for name := range q {
		if !contains(known, name) {
			return nil, badRequest("the query parameter %.80q is not known here: %q are", name, known)
		}
	}
	return q, nil
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// overUnix tells whether the request came through a unix socket.
func (x *call) overUnix() bool {
	addr, ok := x.r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && addr.Network() == "unix"
}

// clientAddress is what is recorded as the client's address.
func (x *call) clientAddress() string {
	if x.overUnix() {
		return "unix"
	}
	return x.r.RemoteAddr
}

// newID returns a UUID of version 7, whose order is that of making.
func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		panic("reading random bytes: " + err.Error()) // crypto/rand does not fail
	}
	return id.String()
}
