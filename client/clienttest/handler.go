// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clienttest

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"switchyard/api"
	"switchyard/proof"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

func (c *Controller) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathCA, c.authorities)
	c.recordRoutes(mux)
	mux.HandleFunc("GET "+api.PathContainers+"/{ref}/ssh", c.probe)
	mux.HandleFunc("POST "+api.PathContainers+"/{ref}/ssh", c.ssh)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.record(r)
		if c.opt.Redirect != "" {
			http.Redirect(w, r, c.opt.Redirect+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		if p := checkToken(r); p != nil && r.URL.Path != api.PathCA {
			refuse(w, p)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// checkToken says what is wrong with a request's token.
func checkToken(r *http.Request) *api.Problem {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok:
		return api.NewProblem(401, api.CodeTokenMissing, "Who are you?", "the request has no token")
	case token == Expired:
		return api.NewProblem(401, api.CodeTokenExpired, "Too old", "the token expired at 2026-01-01 00:00:00 UTC")
	case token == Revoked:
		return api.NewProblem(401, api.CodeTokenRevoked, "Revoked", "the token has been revoked: run \"switchyard login\" with another")
	case token != Token:
		return api.NewProblem(401, api.CodeTokenInvalid, "Unknown", "the token is not known here")
	}
	return nil
}

func (c *Controller) authorities(w http.ResponseWriter, r *http.Request) {
	a := api.Authorities{TLS: c.proved.PEM(), Host: HostAuthority}
	if c.opt.NoAuthority {
		a.TLS = ""
	}
	token := Token
	if c.opt.WrongProof {
		token = Wrong
	}
	digest := proof.TokenDigest(token)
	known := r.URL.Query().Get(api.QueryToken) == proof.TokenHandle(proof.TokenDigest(Token))
	if known && !c.opt.NoProof && r.TLS != nil {
		if e, err := proof.Export(*r.TLS, proof.AuthorityLabel); err == nil {
			block, _ := pem.Decode([]byte(c.proved.PEM()))
			a.Proof = proof.Authority(digest, e, append(block.Bytes, a.Host...)).String()
		}
	}
	answer(w, http.StatusOK, a)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		json.NewEncoder(w).Encode(v)
	}
}

func refuse(w http.ResponseWriter, p *api.Problem) {
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	w.Header().Set("Content-Type", api.ProblemContentType)
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

func decode[T any](w http.ResponseWriter, r *http.Request) (in T, ok bool) {
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, api.NewProblem(400, api.CodeBadRequest, "Not JSON", "the body is not JSON"))
		return in, false
	}
	return in, true
}
