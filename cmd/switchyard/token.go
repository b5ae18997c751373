// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/show"
)

func (p *program) token() *cobra.Command {
	return group("token", "Make, list and revoke API tokens", p.tokenCreate(), p.tokenList(), p.tokenRevoke())
}

func (p *program) tokenCreate() *cobra.Command {
	var (
		in      api.CreateToken
		expires time.Duration
		out     string
	)
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token and show it, this once",
		Long: `create makes a token. It is printed on standard output, or written to the new file of --out, and cannot
be shown again: the controller keeps no more than its digest.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if expires < 0 || expires > 0 && expires < time.Second {
				return fmt.Errorf("a token cannot expire in %v: give a time such as 720h", expires)
			}
			in.ExpiresSeconds = int64(expires / time.Second)
			return p.handOut(out, func() (string, error) { return p.makeToken(cmd, in) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.User, "user", "", "for this user (default: yourself)")
	f.StringVar(&in.Note, "note", "", "what it is for, to be seen in lists")
	f.DurationVar(&expires, "expires", 0, "refuse it after this time, such as 720h (default: never)")
	f.StringVar(&out, "out", "-", "write it to this new file, mode 0600")
	return cmd
}

func (p *program) makeToken(cmd *cobra.Command, in api.CreateToken) (secret string, err error) {
	err = p.call(func(c *client.Controller) error {
		t, err := c.CreateToken(cmd.Context(), in)
		if err != nil {
			return err
		}
		secret = t.Secret
		p.note("made the token %s of %s", show.Line(string(t.ID)), show.Line(t.User))
		return nil
	})
	return secret, err
}

func (p *program) tokenList() *cobra.Command {
	var (
		user   string
		output outputFlag
	)
	cmd := &cobra.Command{
		Use: "list", Short: "List tokens, without their secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return list(p, output, []string{"ID", "USER", "NOTE", "CREATED", "EXPIRES", "LAST USED", "REVOKED"}, tokenRow,
				func(c *client.Controller) ([]api.Token, error) { return c.Tokens(cmd.Context(), user) })
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "those of this user")
	output.add(cmd)
	return cmd
}

func tokenRow(t api.Token) []string {
	return []string{string(t.ID), t.User, t.Note, show.Time(&t.CreatedAt), show.Time(t.ExpiresAt), show.Time(t.LastUsedAt), show.Time(t.RevokedAt)}
}

func (p *program) tokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID...", Short: "Make tokens worthless, by their ids", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return p.call(func(c *client.Controller) error {
				for _, id := range ids {
					if err := c.RevokeToken(cmd.Context(), api.TokenID(id)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}
