// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/upgrade"
)

// gate decides who is let in.
type gate struct {
	id  api.ContainerID
	key proof.AddressKey
}

// admission is what a request that was let in gets.
type admission struct {
	grant    api.Grant
	response proof.Proof
}

// admit checks a request on a TLS session. r is nil when none could be read. The error is for our log
// alone. The same is computed whatever is wrong, so that the time tells nothing.
func (g gate) admit(r *http.Request, e proof.Exporter, now time.Time) (admission, error) {
	shown := credentials{}
	if r != nil {
		shown = credentialsOf(r.Header)
	}
	proven := g.key.Request(e, shown.grant).Check(shown.proof)
	a := admission{response: g.key.Response(e)}
	if err := checkRequest(r, shown); err != nil {
		return admission{}, err
	}
	if proven != nil {
		return admission{}, errProof
	}
	var err error
	if a.grant, err = g.read(shown.grant, now); err != nil {
		return admission{}, err
	}
	return a, nil
}

var errProof = errors.New("the proof is not right: the controller has another key, or another address, for this runner")

// credentials are what a request shows, each empty unless there is exactly one.
type credentials struct {
	grant, proof string
	err          error
}

func credentialsOf(h http.Header) credentials {
	grants, proofs := h.Values(api.HeaderGrant), h.Values(api.HeaderProof)
	if len(grants) != 1 || len(proofs) != 1 {
		return credentials{err: fmt.Errorf("the request has %d %s and %d %s headers, need one of each",
			len(grants), api.HeaderGrant, len(proofs), api.HeaderProof)}
	}
	return credentials{grant: grants[0], proof: proofs[0]}
}

func checkRequest(r *http.Request, shown credentials) error {
	switch {
	case r == nil:
		return errors.New("no HTTP request came")
	case r.Method != http.MethodPost || r.RequestURI != api.RunnerSSHPath:
		return fmt.Errorf("the request is %.20q %.80q, need %q %q", r.Method, r.RequestURI, http.MethodPost, api.RunnerSSHPath)
	case shown.err != nil:
		return shown.err
	}
	return upgrade.Check(r, api.ProtocolSSH)
}

// read decodes a grant that the proof covers, and refuses one for another container or another time.
func (g gate) read(encoded string, now time.Time) (api.Grant, error) {
	grant, err := api.DecodeGrant(encoded)
	if err != nil {
		return grant, err
	}
	if grant.ContainerID != g.id {
		return grant, fmt.Errorf("the grant is for container %.40q, this is %q", grant.ContainerID, g.id)
	}
	if age := now.Sub(grant.IssuedAt); age > api.GrantLifetime+proof.MaxSkew || age < -proof.MaxSkew {
		return grant, fmt.Errorf("the grant was made %v ago by this clock: check the clocks of controller and runner", age.Round(time.Second))
	}
	return grant, nil
}
