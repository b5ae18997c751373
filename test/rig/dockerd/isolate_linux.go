// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// startIsolated moves the calling thread into new network and mount namespaces
// and starts dockerd there. The thread is spoiled: the goroutine must not
// unlock it, so that it ends with the goroutine.
func startIsolated(dir *directory, options Options) (*exec.Cmd, error) {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("making namespaces for a private Docker engine: %w (a container needs --privileged for it)", err)
	}
	if err := privateMounts(); err != nil {
		return nil, err
	}
	if err := loopbackUp(); err != nil {
		return nil, err
	}
	net := firewall(dir)
	if options.RemapUsers {
		flags, err := remapUsers(dir)
		if err != nil {
			return nil, err
		}
		net.flags = append(net.flags, flags...)
	}
	return startLogged(dir, net)
}

// privateMounts keeps the engine's mounts to itself, and hides the directories
// at fixed places that engines write to no matter what they are told.
func privateMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	for _, path := range []string{"/run/containerd", "/run/docker", "/etc/docker"} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", path, "tmpfs", 0, "mode=0711"); err != nil {
			return fmt.Errorf("mounting over %q: %w", path, err)
		}
	}
	return mountCgroups()
}

// loopbackUp brings up "lo", which a new network namespace has down.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bringing up the loopback interface: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bringing up the loopback interface: %w", err)
	}
	return nil
}

// mountCgroups mounts a cgroup2 tree where the machine has no cgroups mounted
// at all; where it has, the engine uses those.
func mountCgroups() error {
	const root = "/sys/fs/cgroup"
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) > 0 {
		return err
	}
	if err := unix.Mount("cgroup2", root, "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("mounting cgroups at %q: %w", root, err)
	}
	return nil
}

// network is what firewall found out: flags and a PATH for dockerd.
type network struct {
	flags []string
	path  string
}

// firewall chooses the iptables that this kernel answers to. Debian's default
// speaks to nf_tables, which not every kernel has; the legacy one may then work,
// and where neither does, the engine does without.
func firewall(dir *directory) network {
	path := os.Getenv("PATH")
	if exec.Command("iptables", "-t", "nat", "-S").Run() == nil {
		return network{path: path}
	}
	if exec.Command("iptables-legacy", "-t", "nat", "-S").Run() == nil && linkLegacy(dir) == nil {
		return network{path: dir.file("bin") + ":" + path}
	}
	return network{path: path, flags: []string{"--iptables=false", "--ip-masq=false"}}
}

func linkLegacy(dir *directory) error {
	if err := os.Mkdir(dir.file("bin"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"iptables", "ip6tables"} {
		legacy, err := exec.LookPath(name + "-legacy")
		if err != nil {
			return err
		}
		if err := os.Symlink(legacy, filepath.Join(dir.file("bin"), name)); err != nil {
			return err
		}
	}
	return nil
}

func startLogged(dir *directory, net network) (*exec.Cmd, error) {
	log, err := os.Create(dir.file("log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := command(dir, net.flags...)
	cmd.Stdout, cmd.Stderr = log, log
	// containerd writes its stacks to the temporary directory when it hangs.
	cmd.Env = append(environment(), "PATH="+net.path, "TMPDIR="+dir.path)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a private Docker engine: %w (is docker.io installed?)", err)
	}
	return cmd, nil
}

// environment is this process's, without what would make dockerd speak to
// somebody else: service managers, proxies and other engines.
func environment() []string {
	var kept []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		foreign := name == "NOTIFY_SOCKET" || strings.HasPrefix(name, "LISTEN_") ||
			strings.HasPrefix(name, "DOCKER_") || strings.HasSuffix(upper, "_PROXY")
		if !foreign {
			kept = append(kept, entry)
		}
	}
	return kept
}
