// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// debianPackages are what the Debian image is made of. They are on any Debian;
// debianOptional, and Python, are taken where they are installed. Those are what
// the clients of package test/clients need at the container's end.
var (
	debianPackages = []string{
		"bash", "coreutils", "dash", "debianutils", "diffutils", "findutils", "grep", "gzip", "hostname",
		"libc-bin", "ncurses-base", "ncurses-bin", "procps", "sed", "tar", "util-linux",
	}
	debianOptional = []string{"git", "less", "mawk", "openssh-client", "openssh-server", "rsync", "tmux"}
)

// debianFiles are the prefixes of the packages' files that are taken, after
// debianPath: programs, terminal descriptions, the one locale, Python's library.
var debianFiles = []string{
	"/usr/bin/", "/usr/sbin/", "/usr/lib/terminfo/", "/usr/share/terminfo/", "/usr/lib/locale/", "/usr/lib/python3",
}

// optionalPackages are debianOptional and the packages of the system's Python,
// whose names have its version.
func optionalPackages() []string {
	version, err := os.Readlink("/usr/bin/python3")
	if err != nil {
		return debianOptional
	}
	return append(slices.Clone(debianOptional), "python3-minimal", version+"-minimal", "lib"+version+"-minimal", "lib"+version+"-stdlib")
}

func init() {
	recipes[Debian] = recipe{debianKey, debianTar, []string{
		`CMD ["sleep","1000000"]`, "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}}
}

// debianKey follows the versions of the packages, so that no file needs reading
// to find that the engine has the image. The number is this file's own.
func debianKey() (string, error) {
	versions, err := dpkg("-W", "-f", "${Package} ${Version} ${Architecture} ${db:Status-Abbrev}\n", "libc6*")
	if err != nil {
		return "", err
	}
	for _, name := range append(slices.Clone(debianPackages), optionalPackages()...) {
		version, _ := dpkg("-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\n", name)
		versions += version
	}
	return digest([]byte("2"), []byte(versions), []byte(passwd), []byte(group)), nil
}

func dpkg(args ...string) (string, error) {
	out, err := exec.Command("dpkg-query", args...).Output()
	if err != nil {
		return "", fmt.Errorf("asking dpkg-query for packages: %w", err)
	}
	return string(out), nil
}

func debianTar(w io.Writer) error {
	files, err := installedFiles()
	if err != nil {
		return err
	}
	t := newTree(w)
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		t.symlink(dir, "usr"+dir)
	}
	t.file("/etc/passwd", 0o644, []byte(strings.ReplaceAll(passwd, ":/bin/sh\n", ":/bin/bash\n")))
	t.base()
	if slices.Contains(files, "/usr/bin/mawk") { // update-alternatives makes the link, so no package lists it
		t.symlink("/usr/bin/awk", "mawk")
	}
	libraries := newClosure()
	for _, file := range files {
		if err := t.copy(debianPath(file), file); err != nil {
			return err
		}
		if err := libraries.add(file); err != nil {
			return err
		}
	}
	for _, name := range libraries.names() {
		if err := t.copy(debianPath(name), libraries.found[name]); err != nil {
			return err
		}
	}
	return t.close()
}

// installedFiles lists what is taken of the packages.
func installedFiles() ([]string, error) {
	out, err := dpkg(append([]string{"-L"}, debianPackages...)...)
	if err != nil {
		return nil, err
	}
	for _, name := range optionalPackages() {
		more, _ := dpkg("-L", name)
		out += more
	}
	var files []string
	for _, file := range strings.Split(out, "\n") {
		taken := slices.ContainsFunc(debianFiles, func(prefix string) bool {
			return strings.HasPrefix(debianPath(file), prefix)
		})
		if info, err := os.Lstat(file); taken && err == nil && !info.IsDir() {
			files = append(files, file)
		}
	}
	return files, nil
}

// debianPath is where a file is in the image, which has a merged /usr even where
// packages still list files below /bin or /lib.
func debianPath(file string) string {
	for _, dir := range []string{"/bin/", "/sbin/", "/lib/", "/lib64/"} {
		if strings.HasPrefix(file, dir) {
			return "/usr" + file
		}
	}
	return file
}

// copy writes a file of this machine: links as links, files as root's, without
// the set-uid bits.
func (t *tree) copy(name, file string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 && !strings.Contains(filepath.Base(file), ".so") {
		target, err := os.Readlink(file)
		t.symlink(name, target)
		return err
	}
	contents, err := os.ReadFile(file) // a library's link: what it points to
	if err != nil {
		return err
	}
	mode := int64(info.Mode().Perm())
	if info.Mode()&os.ModeSymlink != 0 {
		mode = 0o755
	}
	t.file(name, mode, contents)
	return t.err
}
