// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"switchyard/api"
)

const (
	// maxAnswer bounds what a call keeps of an answer, in bytes: a page of records with their labels.
	maxAnswer = 32 << 20
	// maxPages bounds a listing: what it stops is a controller whose pages never end.
	maxPages = 10_000
)

// call performs one API call. in is sent as JSON unless nil; the answer is decoded into out unless nil.
func (c *Controller) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return c.callError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return c.reachError(err)
	}
	return c.answer(resp, body, out)
}

func (c *Controller) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %v", err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.cfg.Endpoint.base()+path, body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %v", err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	c.identify(r)
	return r, nil
}

// identify says who calls: the token for the controller to decide on, the version for its log.
func (c *Controller) identify(r *http.Request) {
	if c.cfg.Token != "" {
		r.Header.Set("Authorization", "Bearer "+string(c.cfg.Token))
	}
	r.Header.Set("User-Agent", "switchyard/"+c.cfg.Version)
	r.Header.Set(api.HeaderClient, "switchyard/"+c.cfg.Version)
}

// callError drops the method and the URL that net/http puts in front.
func (c *Controller) callError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return c.brokenAnswer(err)
}

// brokenAnswer tells a failure of the network from an answer that is not HTTP, for which net/http has
// no type: what the network did not do, the peer did.
func (c *Controller) brokenAnswer(err error) error {
	var (
		reach   *ReachError
		network net.Error
	)
	switch {
	case errors.As(err, &reach), errors.As(err, &network):
	case errors.Is(err, context.Canceled), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
	default:
		return c.strange("not HTTP")
	}
	return c.reachError(err)
}

func (c *Controller) answer(resp *http.Response, body []byte, out any) error {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.refusal(resp.StatusCode, resp.Header, body)
	}
	switch {
	case out == nil:
		return nil
	case len(body) > maxAnswer:
		return c.strange(fmt.Sprintf("longer than %d bytes", maxAnswer))
	case json.Unmarshal(body, out) != nil:
		return c.strange("not the JSON that was asked for")
	}
	return nil
}

// strange is the error of an answer that no controller gives.
func (c *Controller) strange(what string) error {
	e := c.cfg.Endpoint
	return &ReachError{Endpoint: e, Reason: fmt.Sprintf("the answer of %s is %s: check that it is a switchyard controller", e, what)}
}

// list collects the pages of a collection.
func list[T any](ctx context.Context, c *Controller, path string, query url.Values) ([]T, error) {
	var all []T
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	q.Set(api.QueryLimit, fmt.Sprint(api.MaxLimit))
	for range maxPages {
		var page api.List[T]
		if err := c.call(ctx, http.MethodGet, path+"?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		q.Set(api.QueryAfter, page.Next)
	}
	return nil, c.strange(fmt.Sprintf("a list of more than %d pages", maxPages))
}
