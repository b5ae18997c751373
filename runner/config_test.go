// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/proof"
	"switchyard/runner/host"
)

func TestNewRefusesAConfigThatLacksWhatIsRequired(t *testing.T) {
	whole := Config{Target: host.New(host.Config{}), ContainerID: testID, Key: testKey, Controller: newController(t), Node: "node-1"}
	if _, err := New(whole); err != nil {
		t.Fatal(err)
	}
	for name, lack := range map[string]func(*Config){
		"target": func(c *Config) { c.Target = nil }, "id": func(c *Config) { c.ContainerID = "" },
		"key": func(c *Config) { c.Key = proof.ContainerKey{} }, "controller": func(c *Config) { c.Controller = nil },
		"node": func(c *Config) { c.Node = "" },
	} {
		c := whole
		lack(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s the error is %v", name, err)
		}
	}
}

func TestTheAdvertisedAddressHasThePortListenedOn(t *testing.T) {
	l := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7022}
	for advertise, want := range map[string]string{
		"": "127.0.0.1:7022", "node-1": "node-1:7022", "node-1:0": "node-1:7022", "node-1:80": "node-1:80",
		"2001:db8::1": "[2001:db8::1]:7022", "[2001:db8::1]:80": "[2001:db8::1]:80",
	} {
		c := Config{Advertise: advertise}
		if got, err := c.advertised(l); got != want || err != nil {
			t.Errorf("advertising %q: %q, %v; need %q", advertise, got, err, want)
		}
	}
	for _, advertise := range []string{"node-1:http", "node-1:65536", "node-1:-1", "node-1:"} {
		c := Config{Advertise: advertise}
		if got, err := c.advertised(l); err == nil {
			t.Errorf("advertising %q gave %q", advertise, got)
		}
	}
}

func TestAKeyOfZerosIsAKey(t *testing.T) {
	key, err := proof.ParseContainerKey(strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Target: host.New(host.Config{}), ContainerID: testID, Key: key, Controller: newController(t), Node: "node-1"}
	if _, err := New(c); err != nil {
		t.Errorf("New says %v: whether the key is right is the controller's to say", err)
	}
}

func TestAddressesComeFromTheRouteToTheController(t *testing.T) {
	local, _ := url.Parse("https://127.0.0.1:8443")
	socket, _ := url.Parse("unix:///run/switchyard.sock")
	for _, c := range []struct {
		u                         *url.URL
		listen, advertise         string
		wantListen, wantAdvertise string
	}{
		{local, "", "", "127.0.0.1:0", ""},
		{socket, "", "", "127.0.0.1:0", ""},
		{local, "", "node-1", "127.0.0.1:0", "node-1"},
		{local, "192.0.2.1:7022", "", "192.0.2.1:7022", ""},
		{local, ":7022", "", ":7022", "127.0.0.1"},
		{local, "0.0.0.0:7022", "", "0.0.0.0:7022", "127.0.0.1"},
		{local, "[::]:7022", "node-1:80", "[::]:7022", "node-1:80"},
	} {
		l, a, err := Addresses(c.u, c.listen, c.advertise)
		if l != c.wantListen || a != c.wantAdvertise || err != nil {
			t.Errorf("listening on %q, advertising %q: %q, %q, %v", c.listen, c.advertise, l, a, err)
		}
	}
	if _, _, err := Addresses(local, "7022", ""); err == nil {
		t.Error("a port alone was taken for an address")
	}
}

func TestTheKeyComesFromWhereItIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(testKey.Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(KeyVariable, testKey.Reveal())
	for _, from := range []string{file, "-", ""} {
		k, err := ReadKey(from, strings.NewReader(" "+testKey.Reveal()+"\r\n"))
		if err != nil || k != testKey {
			t.Errorf("from %q: the right key: %v, %v", from, k == testKey, err)
		}
	}
	if _, there := os.LookupEnv(KeyVariable); there {
		t.Error("the key is still in the environment, which children inherit")
	}
	if _, err := ReadKey("", nil); err == nil || !strings.Contains(err.Error(), KeyVariable) {
		t.Errorf("without any key the error is %v, need the ways to give one", err)
	}
}

func TestAKeyThatIsNoneIsRefusedAndNotShown(t *testing.T) {
	almost := testKey.Reveal()[:63]
	for _, text := range []string{"", almost, almost + "g", testKey.Reveal() + "00", strings.Repeat("x", 1<<20)} {
		_, err := ReadKey("-", strings.NewReader(text))
		if err == nil {
			t.Errorf("%.10q… of %d bytes was taken for a key", text, len(text))
		} else if strings.Contains(err.Error(), almost[:16]) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

func TestAKeyThatEverybodyMayReadIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(testKey.Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(file, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("the error is %v, need the way out", err)
	}
	if _, err := ReadKey(file+".missing", nil); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error is %v, need the file named", err)
	}
}
