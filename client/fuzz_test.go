// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bufio"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/client/clienttest"
)

func FuzzProxyAnswerNeverGivesThePasswordAway(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nearly", "HTTP/1.1 407 x\r\nX: proxysecret\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.0 200\r\n\r\n", "SSH-2.0-x\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		ours.SetDeadline(time.Now().Add(20 * time.Second))
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer theirs.Close()
			http.ReadRequest(bufio.NewReader(theirs))
			io.WriteString(theirs, answer)
		}()
		proxy := &url.URL{Scheme: "http", Host: "proxy.test:3128", User: url.UserPassword("user", "proxysecret")}
		early, err := tunnel(ours, proxy, "controller.test:443")
		ours.Close()
		<-done
		if err != nil && strings.Contains(err.Error(), "proxysecret") {
			t.Errorf("%q: %v", answer, err)
		}
		if err == nil && !strings.HasSuffix(answer, string(early)) {
			t.Errorf("%q: %q is handed on", answer, early)
		}
	})
}

func FuzzRefusalIsASentenceWithAnExitCode(f *testing.F) {
	f.Add(404, api.ProblemContentType, `{"status":404,"code":"not-found","detail":"no container \"x\""}`, "")
	f.Add(503, api.ProblemContentType, `{"code":"container-queued","detail":"queued."}`, "7")
	f.Add(401, api.ProblemContentType+"; charset=utf-8", `{"code":"token-expired","title":"Expired"}`, "")
	f.Add(502, "text/html", "<html>", "-1")
	f.Add(200, "", "", "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, status int, media, body, retry string) {
		e, err := ParseEndpoint("https://controller.test")
		if err != nil {
			t.Fatal(err)
		}
		c := &Controller{cfg: Config{Endpoint: e}}
		err = c.refusal(status, http.Header{"Content-Type": {media}, "Retry-After": {retry}}, []byte(body))
		if strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%d %q %q: no sentence", status, media, body)
		}
		if ExitCode(err) == 0 {
			t.Errorf("%d %q: %v is success", status, body, err)
		}
		if p := problem(err); p.RetryAfter < 0 {
			t.Errorf("%q: try again in %v", retry, p.RetryAfter)
		}
	})
}

func FuzzParseAuthorityTakesOneCertificate(f *testing.F) {
	a, err := clienttest.NewAuthority()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.PEM())
	f.Add(a.PEM() + "\n" + a.PEM())
	f.Add("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parseAuthority(text); err != nil {
			return
		}
		_, rest := pem.Decode([]byte(text))
		if again, _ := pem.Decode(rest); again != nil {
			t.Errorf("took %q", text)
		}
	})
}
