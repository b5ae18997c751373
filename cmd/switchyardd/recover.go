// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/controller/datadir"
)

// adminTokenCommand is "switchyardd admin-token".
func adminTokenCommand() *cobra.Command {
	var dir, out string
	cmd := &cobra.Command{
		Use:   "admin-token --data-dir DIR",
		Short: "Make a new admin's token, when all are lost",
		Long: "Make a new token of an admin, in the data directory of a controller that is stopped. It is written to a new file that\n" +
			"only its owner may read. When no admin is enabled any more, the user \"" + datadir.FirstUser + "\" is again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k := keeper{file: out, out: cmd.OutOrStdout()}
			if out == "" {
				k.file = filepath.Join(dir, datadir.AdminTokenFile)
			}
			user, err := datadir.NewAdminToken(cmd.Context(), dir, k.keep)
			if err != nil {
				return errors.Join(err, k.undo())
			}
			k.tell(user)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "data-dir", "", "the controller's data directory (required)")
	f.StringVar(&out, "out", "", "file to make for the token, \"-\" for standard output (default: "+datadir.AdminTokenFile+" in the data directory)")
	cobra.CheckErr(cmd.MarkFlagRequired("data-dir"))
	return cmd
}

// keeper keeps a token in a new file, or shows it when the file is "-".
type keeper struct {
	file string
	out  io.Writer
	made bool // the file is ours
}

func (k *keeper) keep(secret string) error {
	if k.file == "-" {
		_, err := fmt.Fprintln(k.out, secret)
		return err
	}
	f, err := os.OpenFile(k.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%q is there already: remove it, or name another file with --out", k.file)
	}
	if err != nil {
		return fmt.Errorf("making the token's file: %v", err)
	}
	k.made = true
	_, err = fmt.Fprintln(f, secret)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the token: %v", err)
	}
	return nil
}

// undo removes the file of a token that is not good.
func (k *keeper) undo() error {
	if !k.made {
		return nil
	}
	return os.Remove(k.file)
}

func (k *keeper) tell(user string) {
	if k.file != "-" {
		fmt.Fprintf(k.out, "a token of user %q is in %s\n", user, k.file)
	}
}

// makeSecretCommand is "switchyardd make-secret".
func makeSecretCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "make-secret FILE --data-dir DIR",
		Short: "Make a secret of the data directory anew, when it is lost for good",
		Long: "Make one of " + strings.Join(datadir.Secrets, ", ") + " anew, in the data directory of a controller that is stopped.\n" +
			"What depended on the old one is worth nothing then: every container key (" + datadir.SystemTokenFile + "), the certificate that clients and\n" +
			"runners trust (" + datadir.TLSFile + "), the host keys that ssh trusts (" + datadir.HostFile + "). A file that is there is not touched.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(datadir.Secrets, args[0]) {
				return usage(fmt.Errorf("%q is no secret of a data directory: %s are", args[0], strings.Join(datadir.Secrets, ", ")))
			}
			return datadir.MakeSecret(dir, args[0])
		},
	}
	cmd.Flags().StringVar(&dir, "data-dir", "", "the controller's data directory (required)")
	cobra.CheckErr(cmd.MarkFlagRequired("data-dir"))
	return cmd
}
