// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/proof"
)

// call is what the controller's end saw of a call.
type call struct {
	path string
	body []byte
	err  error // of the signature
}

// serveAPI starts a controller's HTTPS port that checks signatures and answers as the test says.
func serveAPI(t *testing.T, answer http.HandlerFunc) (a *API, calls chan call) {
	t.Helper()
	calls = make(chan call, 10)
	s := httptest.NewUnstartedServer(checked(calls, answer))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return newAPI(t, s.URL, caFile(t, s)), calls
}

func checked(calls chan<- call, answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s, err := proof.ParseSignature(r.Header.Get("Authorization"))
		if err == nil {
			err = s.Verify(testKey, r.Method, r.URL.RequestURI(), time.Now(), body)
		}
		if err == nil && s.ContainerID != string(testID) {
			err = errors.New("signed for another container")
		}
		calls <- call{r.URL.Path, body, err}
		answer(w, r)
	})
}

func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func newAPI(t *testing.T, url, ca string) *API {
	t.Helper()
	a, err := NewAPI(APIConfig{URL: url, CAFile: ca, ContainerID: testID, Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func reply(status int, v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if status >= 400 {
			w.Header().Set("Content-Type", api.ProblemContentType)
		}
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(v)
	}
}

func TestCallsAreSignedAndAnswersRead(t *testing.T) {
	want := api.RunnerReported{Name: "web", Project: "demo", HostCertificate: "line", RenewAt: time.Unix(1, 0).UTC()}
	a, calls := serveAPI(t, reply(200, want))
	got, err := a.Report(t.Context(), api.ReportRunner{Address: "192.0.2.1:7022", Node: "node-1"})
	if err != nil || got != want {
		t.Errorf("the answer is %+v, %v", got, err)
	}
	c := <-calls
	if c.err != nil || c.path != "/v1/containers/"+string(testID)+"/runner" || !strings.Contains(string(c.body), "192.0.2.1:7022") {
		t.Errorf("the call was %q %s, signature: %v", c.path, c.body, c.err)
	}
	if err := a.End(t.Context(), api.EndContainer{ExitCode: code(3)}); err != nil {
		t.Error(err)
	}
	if c := <-calls; c.err != nil || c.path != "/v1/containers/"+string(testID)+"/end" || string(c.body) != `{"exit_code":3}` {
		t.Errorf("the call was %q %s, signature: %v", c.path, c.body, c.err)
	}
}

func TestRefusalsAreTheControllersOwnSentences(t *testing.T) {
	a, _ := serveAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		reply(503, api.NewProblem(503, api.CodeDraining, "Draining", "the controller is stopping"))(w, r)
	})
	err := a.End(t.Context(), api.EndContainer{})
	p := problem(err)
	if p == nil || p.Code != api.CodeDraining || p.Status != 503 || p.RetryAfter != 7*time.Second || err.Error() != "the controller is stopping" {
		t.Errorf("the error is %#v", err)
	}
}

func TestAnswersThatNoControllerGivesAreErrorsThatNameTheURL(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page":              func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", 404) },
		"a problem of a kind": reply(404, map[string]string{"title": "nothing"}),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
		},
		"no JSON":        func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "OK") },
		"too much":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat(" ", 2*maxAnswer)+"{}") },
		"half an answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		a, calls := serveAPI(t, answer)
		if _, err := a.Report(t.Context(), api.ReportRunner{}); err == nil || !strings.Contains(err.Error(), a.cfg.URL) {
			t.Errorf("%s: the error is %v", name, err)
		}
		if len(calls) != 1 {
			t.Errorf("%s: %d calls were made, need 1", name, len(calls))
		}
	}
}

func TestAControllerThatIsNotTrustedIsNotTalkedTo(t *testing.T) {
	a, calls := serveAPI(t, reply(200, nil))
	stranger := newAPI(t, a.cfg.URL, "")
	_, err := stranger.Report(t.Context(), api.ReportRunner{})
	if err == nil || !isFinal(err) {
		t.Errorf("the error is %v, need one that ends the attempts", err)
	}
	if len(calls) != 0 {
		t.Error("a call reached it")
	}
}

func TestTheControllersSocketIsSpokenToInPlainHTTP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	calls := make(chan call, 1)
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: checked(calls, reply(200, nil))}}
	s.Start()
	t.Cleanup(s.Close)
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	a := newAPI(t, "unix://"+path, "")
	if err := a.End(t.Context(), api.EndContainer{}); err != nil {
		t.Error(err)
	}
	if c := <-calls; c.err != nil {
		t.Errorf("the signature: %v", c.err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	a, calls := serveAPI(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-calls
		cancel()
	}()
	if err := a.End(ctx, api.EndContainer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestURLsThatAreNoControllersAreRefused(t *testing.T) {
	for _, s := range []string{
		"", "http://controller.example", "https://", "https:///v1", "controller.example:8443", "https://controller.example/path",
		"https://user:secret@controller.example", "https://controller.example?token=secret", "unix://relative", "unix:", "ftp://x", "https://a b",
	} {
		_, err := ParseURL(s)
		if err == nil {
			t.Errorf("%q was taken", s)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
	for _, s := range []string{"https://controller.example", "https://controller.example:8443/", "https://[2001:db8::1]:8443", "unix:///run/switchyard.sock"} {
		if _, err := ParseURL(s); err != nil {
			t.Error(err)
		}
	}
}

func TestCAFilesThatAreNoneAreRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".missing"} {
		_, err := NewAPI(APIConfig{URL: "https://controller.example", CAFile: file})
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("the error is %v, need %q named", err, file)
		}
	}
}

func TestAnAuthorityThatIsNotKnownIsASentenceWithTheWayOut(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	a := newAPI(t, s.URL, "")
	defer a.Close()
	_, err := a.Report(t.Context(), api.ReportRunner{})
	if err == nil || !isFinal(err) {
		t.Fatalf("the error is %v, need one that trying again does not cure", err)
	}
	want := "the certificate of " + s.URL + " is from an authority that is not trusted here: " +
		"give its file, tls-ca.crt of the controller's data directory, with --ca or SWITCHYARD_CA"
	if err.Error() != want {
		t.Errorf("the error is %q, need %q", err, want)
	}
}
