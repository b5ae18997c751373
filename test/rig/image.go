// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Image names one of the images that tests use. None comes from a registry:
// each is made from programs of this machine and imported when missing.
type Image string

const (
	// Busybox is a small userland: static busybox with its applets in /bin,
	// logins root, alice (uid 1000, home /home/alice, group 100 "users" and
	// supplementary group 2000 "staff"), bob (uid 1001, a home that does not
	// exist) and carol (uid 1002, a shell that does not exist).
	Busybox Image = "switchyard-test/busybox"
	// Debian has glibc, bash, coreutils, procps, tar and the like, taken from
	// this machine's packages, and the same logins. Needs a Debian-like machine.
	Debian Image = "switchyard-test/debian"
	// Scratch holds one static program, /sleep, and nothing else: no shell, no
	// /etc/passwd, no /tmp. Its default command is that program.
	Scratch Image = "switchyard-test/scratch"
)

// importTimeout bounds the import of an image.
const importTimeout = 2 * time.Minute

// recipe makes an image: key changes with its contents, and tar writes its
// root file system. Changes are in the form of Dockerfile instructions.
type recipe struct {
	key     func() (string, error)
	tar     func(io.Writer) error
	changes []string
}

var recipes = map[Image]recipe{
	Busybox: {keyOfTar(busyboxTar), busyboxTar, []string{`CMD ["sleep","1000000"]`, `ENV PATH=/usr/local/bin:/bin`}},
	Scratch: {keyOfTar(scratchTar), scratchTar, []string{`CMD ["/sleep","1000000"]`}},
}

// imageCache remembers what this process has imported or found.
type imageCache struct {
	sync.Mutex // held during an import, so that each happens once per process
	refs       map[Image]string
}

// remember keeps a reference; the cache is locked.
func (c *imageCache) remember(image Image, ref string) {
	if c.refs == nil {
		c.refs = map[Image]string{}
	}
	c.refs[image] = ref
}

// Image returns a reference to the image, which it imports when the engine does
// not have it. An image of a machine's own engine stays there for the next run.
func (e *Engine) Image(tb testing.TB, image Image) string {
	tb.Helper()
	made, ok := recipes[image]
	if !ok {
		return string(image) // the caller's own
	}
	e.images.Lock()
	defer e.images.Unlock()
	if ref, ok := e.images.refs[image]; ok {
		return ref
	}
	key, err := made.key()
	if err != nil {
		missing(tb, "needs what image %q is made of: %v", image, err)
	}
	ref := string(image) + ":" + key
	if err := e.importMissing(ref, made); err != nil {
		tb.Fatal(err)
	}
	e.images.remember(image, ref)
	return ref
}

// importMissing imports the image unless the engine has it. Two processes that
// do so at once both succeed, and the engine keeps the layer once.
func (e *Engine) importMissing(ref string, made recipe) error {
	ctx, cancel := context.WithTimeout(context.Background(), importTimeout)
	defer cancel()
	if _, err := e.client.ImageInspect(ctx, ref); !errdefs.IsNotFound(err) {
		return err
	}
	source, sink := io.Pipe()
	go func() { sink.CloseWithError(made.tar(sink)) }()
	defer source.Close() // ends the writer when the engine stopped reading
	answer, err := e.client.ImageImport(ctx, client.ImageImportSource{Source: source, SourceName: "-"}, ref,
		client.ImageImportOptions{Message: "made by Switchyard's tests", Changes: made.changes})
	if err != nil {
		return fmt.Errorf("importing image %q: %w", ref, err)
	}
	defer answer.Close()
	return importResult(ref, answer)
}
