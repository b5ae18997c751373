// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/url"
	"strconv"

	"switchyard/api"
)

// maxCursor bounds a cursor; every key that is one is shorter.
const maxCursor = 80

// page reads which page of a list is asked for.
func page(q url.Values) (Page, error) {
	p := Page{Limit: api.DefaultLimit}
	limit, err := query(q, api.QueryLimit)
	if err != nil {
		return p, err
	}
	if limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > api.MaxLimit {
			return p, badRequest("the limit %.40q is not a number from 1 to %d", limit, api.MaxLimit)
		}
		p.Limit = n
	}
	p.After, err = query(q, api.QueryAfter)
	if err == nil && len(p.After) > maxCursor {
		return p, badRequest("the cursor is not one of ours: take it from \"next\" of the page before")
	}
	return p, err
}

// oneMore is the page with room for the record that tells whether another page follows.
func (p Page) oneMore() Page { return Page{After: p.After, Limit: p.Limit + 1} }

// listOf makes the answer from what the store returned for p.oneMore.
func listOf[T any](p Page, items []T, key func(T) string) api.List[T] {
	l := api.List[T]{Items: items}
	if len(items) > p.Limit {
		l.Items = items[:p.Limit]
		l.Next = key(l.Items[p.Limit-1])
	}
	if l.Items == nil {
		l.Items = []T{}
	}
	return l
}
