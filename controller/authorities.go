// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"net/http"

	"switchyard/api"
	"switchyard/proof"
)

// authorities answers with the certificate authorities. To a client that names a token it proves that
// they are this controller's, on this very TLS session, before the client sends the token itself.
func (c *Controller) authorities(x *call) error {
	q, err := x.queries(api.QueryToken)
	if err != nil {
		return err
	}
	handle, err := query(q, api.QueryToken)
	if err != nil {
		return err
	}
	answer := api.Authorities{TLS: string(c.cfg.Authority), Host: c.cfg.Host.Line()}
	if handle != "" {
		if answer.Proof, err = c.authorityProof(x, handle); err != nil {
			return err
		}
	}
	return x.reply(http.StatusOK, answer)
}

// authorityProof makes the proof for the token with this handle. For a handle that nobody's token has it
// does the same work, and returns nothing.
func (c *Controller) authorityProof(x *call, handle string) (string, error) {
	if len(handle) != proof.HandleLength {
		return "", badRequest("the token handle has %d characters, need %d", len(handle), proof.HandleLength)
	}
	if x.r.TLS == nil {
		return "", nil
	}
	e, err := proof.Export(*x.r.TLS, proof.AuthorityLabel)
	if err != nil {
		return "", nil // below TLS 1.3 there is nothing to bind a proof to
	}
	digest, err := c.store.DigestByHandle(x.r.Context(), handle)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	made := proof.Authority(digest, e, c.authority).String()
	if err != nil {
		return "", nil
	}
	return made, nil
}
