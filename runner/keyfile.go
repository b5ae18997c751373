// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"switchyard/proof"
)

// KeyVariable is the environment variable that may hold the container key.
const KeyVariable = "SWITCHYARD_CONTAINER_KEY"

// maxKeyFile is more than a key and its line's end have, in bytes.
const maxKeyFile = 1 << 10

// ReadKey reads the container key: from the file, from stdin when the file is "-", and from the
// environment when it is "". The variable is then removed, so that no child inherits it. A regular
// file that everybody may read is refused.
func ReadKey(file string, stdin io.Reader) (proof.ContainerKey, error) {
	text, err := readKeyText(file, stdin)
	if err != nil {
		return proof.ContainerKey{}, fmt.Errorf("reading the container key: %w", err)
	}
	k, err := proof.ParseContainerKey(string(bytes.TrimSpace(text)))
	if err != nil {
		return k, fmt.Errorf("reading the container key from %s: %w", keySource(file), err)
	}
	return k, nil
}

func readKeyText(file string, stdin io.Reader) ([]byte, error) {
	switch file {
	case "":
		return keyFromEnvironment()
	case "-":
		return io.ReadAll(io.LimitReader(stdin, maxKeyFile))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
		return nil, fmt.Errorf("everybody may read %q: run \"chmod 600 %s\", and replace the key if others use this machine", file, file)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

func keyFromEnvironment() ([]byte, error) {
	text, ok := os.LookupEnv(KeyVariable)
	if !ok {
		return nil, errors.New("none is given: name a file, \"-\" for standard input, or set " + KeyVariable)
	}
	return []byte(text), os.Unsetenv(KeyVariable)
}

func keySource(file string) string {
	switch file {
	case "":
		return KeyVariable
	case "-":
		return "standard input"
	}
	return fmt.Sprintf("%q", file)
}
