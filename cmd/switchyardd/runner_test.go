// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/runner"
)

// limit bounds everything that a test waits for.
const limit = 2 * time.Minute

const (
	asMain = "SWITCHYARDD_TEST_AS_MAIN"
	testID = "0198c7de-93c1-7a43-8b4d-2f3fd3f0f6a5"
)

// The test program is the daemon, too, when it is told so.
func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// prepare prepares "switchyardd" with these arguments and nothing of our environment.
func prepare(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, self, args...)
	cmd.Env = []string{asMain + "=1"}
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	return cmd, stderr
}

func exitCodeOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err == nil {
		return 0
	}
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return exit.ExitCode()
}

func TestARunnerThatCannotStartSaysWhyInOneLine(t *testing.T) {
	key := proof.NewSystemToken().ContainerKey(testID).Reveal()
	url := "https://127.0.0.1:1"
	for name, c := range map[string]struct {
		args []string
		key  string
		want string
		code int
	}{
		"nothing at all":      {nil, "", "container", exitUsage},
		"no container":        {[]string{"--controller", url}, key, "container", exitUsage},
		"no controller":       {[]string{"--container", testID}, key, "no controller is named", exitUsage},
		"a plain URL":         {[]string{"--container", testID, "--controller", "http://x"}, key, "neither https", exitUsage},
		"no key":              {[]string{"--container", testID, "--controller", url, "--target", "host"}, "", runner.KeyVariable, exitFailure},
		"a key that is none":  {[]string{"--container", testID, "--controller", url, "--target", "host"}, key[:60], "64 hexadecimal digits", exitFailure},
		"no target":           {[]string{"--container", testID, "--controller", url}, key, "--docker", exitUsage},
		"an unknown target":   {[]string{"--container", testID, "--controller", url, "--target", "vm"}, key, "vm", exitUsage},
		"two targets":         {[]string{"--container", testID, "--controller", url, "--target", "host", "--docker", "x"}, key, "exclude", exitUsage},
		"a log level":         {[]string{"--container", testID, "--log-level", "loud"}, key, "loud", exitUsage},
		"a CA that is none":   {[]string{"--container", testID, "--controller", url, "--ca", "/dev/null", "--target", "host"}, key, "/dev/null", exitFailure},
		"an argument":         {[]string{"--container", testID, "extra"}, key, "extra", exitUsage},
		"a key on the line":   {[]string{"--container", testID, "--key", "x"}, key, "--key", exitUsage},
		"a port that is none": {[]string{"--container", testID, "--controller", url, "--target", "host", "--listen", "7022"}, key, "7022", exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, stderr := prepare(t, append([]string{"runner"}, c.args...)...)
			if c.key != "" {
				cmd.Env = append(cmd.Env, runner.KeyVariable+"="+c.key)
			}
			code := exitCodeOf(t, cmd.Run())
			line, rest, _ := strings.Cut(stderr.String(), "\n")
			if code != c.code || rest != "" || !strings.HasPrefix(line, "switchyardd: ") || !strings.Contains(line, c.want) {
				t.Errorf("exit code %d, need %d; it said %q, need one line with %q", code, c.code, stderr, c.want)
			}
			if strings.Contains(stderr.String(), key[:60]) {
				t.Errorf("the key is shown: %s", stderr)
			}
		})
	}
}

func TestAWrongCommandLineOfOtherCommandsIsOneLineToo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{
		{"contoller"},
		{"controller"},
		{"controller", "--data-dir", data, "--shell-access", "on"},
		{"controller", "--data-dir", data, "--listen", "8443"},
		{"controller", "--data-dir", data, "--tls-cert", "x"},
		{"controller", "--data-dir", data, "--log-format", "xml"},
		{"admin-token"},
		{"make-secret", "--data-dir", data},
		{"make-secret", "lock", "--data-dir", data},
	} {
		code, out, stderr := run(t, args...)
		if code != exitUsage || out != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "switchyardd: ") {
			t.Errorf("%q: exit code %d, need 2; it said %q and %q, need one line", args, code, out, stderr)
		}
	}
	if _, err := os.Lstat(data); err == nil {
		t.Error("the data directory was made")
	}
}

// reporting is a controller's port that certifies host keys and tells of each report.
func reporting(t *testing.T, status int) (url, ca string, reports chan api.ReportRunner) {
	t.Helper()
	reports = make(chan api.ReportRunner, 10)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var report api.ReportRunner
		json.NewDecoder(r.Body).Decode(&report)
		if status != http.StatusOK {
			w.Header().Set("Content-Type", api.ProblemContentType)
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(api.NewProblem(status, api.CodeEnded, "Ended", "the container has ended"))
			return
		}
		json.NewEncoder(w).Encode(api.RunnerReported{
			Name: "web", Project: "demo", HostCertificate: certify(t, report.HostKey), RenewAt: time.Now().Add(time.Hour),
		})
		reports <- report
	}))
	t.Cleanup(s.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, ca, reports
}

func certify(t *testing.T, line string) string {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Errorf("the host key is %q: %v", line, err)
		return ""
	}
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	authority, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Error(err)
		return ""
	}
	cert := &ssh.Certificate{Key: key, CertType: ssh.HostCert, ValidPrincipals: []string{"web"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Error(err)
	}
	return string(ssh.MarshalAuthorizedKey(cert))
}

func TestARunnerServesUntilItIsToldToStop(t *testing.T) {
	url, ca, reports := reporting(t, http.StatusOK)
	cmd, stderr := prepare(t, "runner", "--controller", url, "--ca", ca, "--container", testID, "--target", "host", "--key-file", "-", "--node", "node-1")
	cmd.Stdin = strings.NewReader(proof.NewSystemToken().ContainerKey(testID).Reveal() + "\n")
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-reports:
		if r.Node != "node-1" || r.Exec != "host" || r.ExecReason != "" || !strings.HasPrefix(r.Address, "127.0.0.1:") {
			t.Errorf("the report is %+v", r)
		}
	case <-time.After(limit):
		t.Error("no report came")
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if out, _ := io.ReadAll(ready); len(out) > 0 {
		t.Errorf("standard output has %q", out)
	}
	if code := exitCodeOf(t, cmd.Wait()); code != 0 {
		t.Errorf("exit code %d, need 0:\n%s", code, stderr)
	}
}

func TestARunnerThatTheControllerRefusesSaysSo(t *testing.T) {
	url, ca, _ := reporting(t, http.StatusGone)
	cmd, stderr := prepare(t, "runner", "--controller", url, "--ca", ca, "--container", testID, "--target", "host",
		"--log-level", "error") // the tests may be linked dynamically, of which the log would warn
	cmd.Env = append(cmd.Env, runner.KeyVariable+"="+proof.NewSystemToken().ContainerKey(testID).Reveal())
	code := exitCodeOf(t, cmd.Run())
	if want := "switchyardd: registering with the controller: the container has ended\n"; code != 1 || stderr.String() != want {
		t.Errorf("exit code %d, need 1; it said %q, need %q", code, stderr, want)
	}
}
