// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"switchyard/api"
	"switchyard/controller"
)

func TestUnixSocketIsTheOwnersAloneAndGoesWithTheListener(t *testing.T) {
	old := syscall.Umask(0) // so that a mode left to the umask would show
	defer syscall.Umask(old)
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	ls, err := controller.Listen([]string{"unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	if got := ls[0].Addr().String(); got != path {
		t.Errorf("its address is %q", got)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("beside it there is %v", entries)
	}
	ls[0].Close()
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("it leaves %v", entries)
	}
}

func TestStaleSocketIsReplacedAndAnythingElseIsNot(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	l, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	ls, err := controller.Listen([]string{"unix://" + stale})
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	defer ls[0].Close()
	if _, err := controller.Listen([]string{"unix://" + stale}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a socket in use: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := controller.Listen([]string{"unix://" + file}); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "mine" {
		t.Error("the file is gone")
	}
}

func TestClosedListenerLeavesTheSocketThatTookItsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, err := controller.Listen([]string{"unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	second, err := controller.Listen([]string{"unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer second[0].Close()
	first[0].Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the second one's socket: %v", err)
	}
}

func TestListenOpensAllOrNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, bad := range []string{"unix://relative", "unix:///nowhere/at/all/s", "127.0.0.1", "127.0.0.1:99999", ""} {
		if _, err := controller.Listen([]string{"unix://" + path, bad}); err == nil || bad != "" && !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%q leaves the other socket", bad)
		}
	}
}

func TestUnixSocketSpeaksPlainHTTPAndShowsMetricsWithoutAToken(t *testing.T) {
	w := newWorld(t, nil)
	w.running("default", "web", nil)
	// A second controller on the same store would end the first one's sessions; this one has a name of its own.
	path := filepath.Join(t.TempDir(), "s")
	ls, err := controller.Listen([]string{"unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	c, err := controller.New(t.Context(), controller.Config{Store: w.dir.Store, SystemToken: w.dir.SystemToken, Host: w.dir.Host, Name: "second"})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- c.Serve(ls...) }()
	defer func() {
		c.Close()
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	for p, want := range map[string]int{api.PathMetrics: 200, api.PathHealth: 200, api.PathWhoami: 401, api.PathCA + "?token=0123456789abcdef": 200} {
		resp, err := client.Get("http://controller" + p)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", p, resp.StatusCode, want)
		}
	}
}

func TestControllerWithoutItsPartsIsNotMade(t *testing.T) {
	w := newWorld(t, nil)
	good := controller.Config{Store: w.dir.Store, SystemToken: w.dir.SystemToken, Host: w.dir.Host, Name: "second"}
	for name, change := range map[string]func(*controller.Config){
		"no store":          func(c *controller.Config) { c.Store = nil },
		"no system token":   func(c *controller.Config) { c.SystemToken = controller.Config{}.SystemToken },
		"no host authority": func(c *controller.Config) { c.Host = nil },
		"a strange switch":  func(c *controller.Config) { c.ShellAccess = "maybe" },
	} {
		bad := good
		change(&bad)
		if _, err := controller.New(t.Context(), bad); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
	c, err := controller.New(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	ls, err := controller.Listen([]string{"127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Serve(ls...); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("TLS without a certificate: %v", err)
	}
}

func TestShellAccessOfTheStartIsStored(t *testing.T) {
	w := newWorld(t, func(cfg *controller.Config) { cfg.ShellAccess = api.ShellOptIn })
	if v := must[api.Settings](w, 200, "GET", api.PathSettings, w.admin, nil); v.ShellAccess != api.ShellOptIn {
		t.Errorf("it is %q", v.ShellAccess)
	}
	w.stop()
	again := newWorldIn(t, w.dir.Path, nil)
	if v := must[api.Settings](again, 200, "GET", api.PathSettings, again.admin, nil); v.ShellAccess != api.ShellOptIn {
		t.Errorf("at the next start it is %q", v.ShellAccess)
	}
}
