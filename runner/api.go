// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/proof"
)

const (
	// callTimeout bounds one call of the controller's API, from dialling to the answer's end.
	callTimeout = 15 * time.Second
	// maxAnswer is the longest answer that is read, in bytes.
	maxAnswer = 256 << 10
)

// APIConfig says where the controller is and who calls.
type APIConfig struct {
	// URL is "https://host:port" or "unix:///path", plain HTTP on a socket. Required.
	URL string
	// CAFile is a PEM file with the authorities that may have signed the controller's certificate. Empty:
	// those of the system.
	CAFile string
	// ContainerID and Key sign the calls. Required.
	ContainerID api.ContainerID
	Key         proof.ContainerKey
}

// API calls the controller over HTTPS with calls signed by the container key (proof.ContainerKey.Sign).
// It may be used concurrently.
type API struct {
	cfg  APIConfig
	base *url.URL // what the calls' paths are added to
	http *http.Client
}

var _ Controller = (*API)(nil)

// NewAPI makes a client. It fails when the URL is not one that it can use, or the CA file holds no certificate.
func NewAPI(cfg APIConfig) (*API, error) {
	u, err := ParseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	roots, err := readRoots(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: callTimeout,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     time.Minute,
		MaxIdleConns:        1,
	}
	base := u
	if u.Scheme == "unix" {
		base = &url.URL{Scheme: "http", Host: "controller"}
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", u.Path)
		}
	}
	return &API{cfg: cfg, base: base, http: &http.Client{
		Transport: transport,
		Timeout:   callTimeout,
		// The signature is for one path at one host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ParseURL reads a controller's URL, "https://host:port" or "unix:///path". It refuses http:// since the
// answers are believed.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	switch {
	case s == "":
		return nil, errors.New("no controller is named: give its URL, such as https://switchyard.example:8443")
	case err != nil:
		return nil, fmt.Errorf("the controller's URL %q: %v", s, err)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the controller's URL holds more than a host: give https://host:port")
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return u, nil
	case u.Scheme == "https" && u.Hostname() != "" && u.Path == "":
		return u, nil
	}
	return nil, fmt.Errorf("the controller's URL %q is neither https://host:port nor unix:///path", s)
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil // the system's
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the controller's CA: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the controller's CA: %q holds no PEM certificate", file)
	}
	return roots, nil
}

// Close closes idle connections to the controller.
func (a *API) Close() { a.http.CloseIdleConnections() }

// Report is Controller's.
func (a *API) Report(ctx context.Context, r api.ReportRunner) (reported api.RunnerReported, err error) {
	err = a.post(ctx, api.PathContainerRunner(a.cfg.ContainerID), r, &reported)
	return reported, err
}

// End is Controller's.
func (a *API) End(ctx context.Context, e api.EndContainer) error {
	return a.post(ctx, api.PathContainerEnd(api.Ref(a.cfg.ContainerID)), e, nil)
}

// post makes one call. A refusal by the controller is an *api.Problem.
func (a *API) post(ctx context.Context, path string, body, answer any) error {
	r, err := a.request(ctx, path, body)
	if err != nil {
		return err
	}
	resp, err := a.http.Do(r)
	if err != nil {
		return a.unreached(unwrapURL(err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer of the controller at %s: %w", a.cfg.URL, err)
	}
	if resp.StatusCode/100 != 2 {
		return a.refusal(resp, b)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("reading the answer of the controller at %s: %w", a.cfg.URL, err)
	}
	return nil
}

func (a *API) request(ctx context.Context, path string, body any) (*http.Request, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("writing a call to the controller: %v", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base.String()+path, bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("writing a call to the controller: %v", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", a.cfg.Key.Sign(string(a.cfg.ContainerID), r.Method, r.URL.RequestURI(), time.Now(), b))
	return r, nil
}

// unreached says why there is no answer. An authority that is not known here is what a first start meets, so that
// has a sentence with the way out; it wraps what says that trying again is useless.
func (a *API) unreached(err error) error {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return &untrusted{url: a.cfg.URL, err: err}
	}
	return fmt.Errorf("calling the controller at %s: %w", a.cfg.URL, err)
}

// untrusted is the error of a certificate from an authority that is not known here.
type untrusted struct {
	url string
	err error
}

func (e *untrusted) Error() string {
	return fmt.Sprintf("the certificate of %s is from an authority that is not trusted here: give its file, tls-ca.crt of the controller's data directory, with --ca or SWITCHYARD_CA", e.url)
}

func (e *untrusted) Unwrap() error { return e.err }

// unwrapURL takes off what net/http says about method and URL, which the caller says better.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refusal makes a problem of an answer, also of one that a controller did not write.
func (a *API) refusal(resp *http.Response, body []byte) error {
	p := &api.Problem{}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media != api.ProblemContentType || json.Unmarshal(body, p) != nil || p.Detail == "" {
		p = api.NewProblem(resp.StatusCode, "", resp.Status,
			"what answers at %s is no controller, or one behind a proxy that answers for it (%s)", a.cfg.URL, resp.Status)
	}
	p.Status = resp.StatusCode
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return p
}
