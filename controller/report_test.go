// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"switchyard/api"
	"switchyard/controller/ca"
	"switchyard/proof"
)

func TestReportMakesAContainerRunAndCertifiesItsHostKey(t *testing.T) {
	w := newWorld(t, nil)
	c := w.register("default", "web")
	before := time.Now()
	w.report(c, closedPort(t))
	r := w.report(c, "10.0.0.7:4022")
	if r.Name != "web" || r.Project != "default" {
		t.Errorf("reported as %+v", r)
	}
	authority, _, _, _, err := ssh.ParseAuthorizedKey([]byte(must[api.Authorities](w, 200, "GET", api.PathCA, "", nil).Host))
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(r.HostCertificate))
	if err != nil {
		t.Fatal(err)
	}
	cert := key.(*ssh.Certificate)
	checker := ssh.CertChecker{IsHostAuthority: func(k ssh.PublicKey, _ string) bool { return slices.Equal(k.Marshal(), authority.Marshal()) }}
	id := string(c.ID)
	for _, name := range []string{"web", "web.default", id, "web.switchyard", "web.default.switchyard", id + ".switchyard"} {
		if err := checker.CheckHostKey(name+":22", &net.TCPAddr{}, cert); err != nil {
			t.Errorf("as %q: %v", name, err)
		}
	}
	if err := checker.CheckHostKey("db:22", &net.TCPAddr{}, cert); err == nil {
		t.Error("the certificate holds for another name")
	}
	hostKey, _, _, _, _ := ssh.ParseAuthorizedKey([]byte(testHostKey))
	from, until := time.Unix(int64(cert.ValidAfter), 0), time.Unix(int64(cert.ValidBefore), 0)
	if cert.CertType != ssh.HostCert || cert.KeyId != id || cert.Serial == 0 || !slices.Equal(cert.Key.Marshal(), hostKey.Marshal()) ||
		from.After(before) || until.Sub(before).Round(time.Hour) != ca.HostLifetime || r.RenewAt.Sub(before).Round(time.Hour) != 16*time.Hour {
		t.Errorf("the certificate is from %v until %v, renewed at %v: %+v", from, until, r.RenewAt, cert)
	}
	v := must[api.Container](w, 200, "GET", api.PathContainer("web"), w.admin, nil)
	if v.State != api.Running || v.StartedAt == nil || v.Node != "node-1" || v.RunnerAddress != "10.0.0.7:4022" || v.HostKey != testHostKey || v.Exec != "docker" {
		t.Errorf("the record is %+v", v)
	}
	again := w.report(c, "10.0.0.7:4022")
	if again.HostCertificate == r.HostCertificate {
		t.Error("the second report has the first one's certificate")
	}
	if now := must[api.Container](w, 200, "GET", api.PathContainer("web"), w.admin, nil); !now.StartedAt.Equal(*v.StartedAt) || now.RunnerAddress != "10.0.0.7:4022" {
		t.Errorf("after the second report the record is %+v", now)
	}
}

func TestTheRecordHasTheReasonOfTheLatestReport(t *testing.T) {
	w := newWorld(t, nil)
	c := w.register("default", "web")
	longest := strings.Repeat("é", api.MaxExecReason/2)
	for _, r := range []api.ReportRunner{
		{Exec: "docker", ExecReason: "the runtime is missing: install it"},
		{Exec: "docker", ExecReason: longest},
		{Exec: "runc"},
		{Exec: "docker", ExecReason: "--exec docker asks for that"},
		{Exec: "docker"}, // a runner of an earlier version does not tell
	} {
		r.Address, r.HostKey, r.Node = "10.0.0.7:4022", testHostKey, "node-1"
		if a := w.signed(c, "POST", api.PathContainerRunner(c.ID), r); a.status != 200 {
			t.Fatalf("%+v: %d %s", r, a.status, a.body)
		}
		v := must[api.Container](w, 200, "GET", api.PathContainer("web"), w.admin, nil)
		if v.Exec != r.Exec || v.ExecReason != r.ExecReason {
			t.Errorf("the record has exec %q and the reason %q after %+v", v.Exec, v.ExecReason, r)
		}
		if a := w.call("GET", api.PathContainer("web"), w.admin, nil); strings.Contains(string(a.body), "exec_reason") != (r.ExecReason != "") {
			t.Errorf("after %+v: %s", r, a.body)
		}
	}
}

func TestReportIsSignedByItsOwnContainersKey(t *testing.T) {
	w := newWorld(t, nil)
	c, other := w.register("default", "web"), w.register("default", "db")
	body := api.ReportRunner{Address: "10.0.0.7:1", HostKey: testHostKey, Node: "n"}
	path := api.PathContainerRunner(c.ID)
	key, err := proof.ParseContainerKey(c.ContainerKey)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(id, method, uri string, at time.Time, b string) string {
		return key.Sign(id, method, uri, at, []byte(b))
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	good := string(encoded)
	now := time.Now()
	for name, test := range map[string]struct {
		authorization string
		status        int
		code          api.Code
	}{
		"none":               {"", 401, api.CodeTokenMissing},
		"a user's token":     {"Bearer " + w.admin, 403, api.CodeForbidden},
		"another scheme":     {"Basic YTpi", 401, api.CodeTokenInvalid},
		"no fields":          {proof.Scheme, 401, api.CodeSignature},
		"another body":       {sign(string(c.ID), "POST", path, now, good+" "), 401, api.CodeSignature},
		"another method":     {sign(string(c.ID), "PUT", path, now, good), 401, api.CodeSignature},
		"another path":       {sign(string(c.ID), "POST", path+"?", now, good), 401, api.CodeSignature},
		"another id":         {sign(string(other.ID), "POST", path, now, good), 401, api.CodeSignature},
		"an old one":         {sign(string(c.ID), "POST", path, now.Add(-6*time.Minute), good), 401, api.CodeSignature},
		"one of the future":  {sign(string(c.ID), "POST", path, now.Add(6*time.Minute), good), 401, api.CodeSignature},
		"a huge one":         {proof.Scheme + " " + strings.Repeat("x", 1000), 400, api.CodeBadRequest},
		"an id that is none": {sign("web", "POST", path, now, good), 401, api.CodeSignature},
	} {
		r := w.request("POST", path, good)
		if test.authorization != "" {
			r.Header.Set("Authorization", test.authorization)
		}
		a := w.send(r)
		if p := a.problem(t); a.status != test.status || p.Code != test.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	// A right signature for another container than the path's, and the path by name.
	if a := w.signed(other, "POST", path, body); a.status != 403 {
		t.Errorf("another container's key: %d %s", a.status, a.body)
	}
	if a := w.signed(c, "POST", "/v1/containers/web/runner", body); a.status != 403 {
		t.Errorf("by name: %d %s", a.status, a.body)
	}
	if v := must[api.Container](w, 200, "GET", api.PathContainer("web"), w.admin, nil); v.State != api.Queued || v.RunnerAddress != "" {
		t.Errorf("something was recorded: %+v", v)
	}
	ghost := api.CreatedContainer{Container: api.Container{ID: "00000000-0000-7000-8000-000000000000"}}
	ghost.ContainerKey = w.dir.SystemToken.ContainerKey(string(ghost.ID)).Reveal()
	if a := w.signed(ghost, "POST", api.PathContainerRunner(ghost.ID), body); a.status != 404 {
		t.Errorf("a record that is gone: %d %s", a.status, a.body)
	}
}

func TestReportThatMakesNoSenseIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	c := must[api.CreatedContainer](w, 201, "POST", api.PathContainers, w.admin, api.CreateContainer{Name: "web", Project: "default", DockerID: "abcdef"})
	good := api.ReportRunner{Address: "10.0.0.7:1", HostKey: testHostKey, Node: "n", DockerID: "abcdef0123", Exec: "docker"}
	path := api.PathContainerRunner(c.ID)
	for name, change := range map[string]func(*api.ReportRunner){
		"no address":            func(r *api.ReportRunner) { r.Address = "" },
		"no port":               func(r *api.ReportRunner) { r.Address = "10.0.0.7" },
		"port 0":                func(r *api.ReportRunner) { r.Address = "10.0.0.7:0" },
		"a named port":          func(r *api.ReportRunner) { r.Address = "10.0.0.7:ssh" },
		"no host":               func(r *api.ReportRunner) { r.Address = ":22" },
		"any address":           func(r *api.ReportRunner) { r.Address = "0.0.0.0:22" },
		"any IPv6 address":      func(r *api.ReportRunner) { r.Address = "[::]:22" },
		"a line break":          func(r *api.ReportRunner) { r.Address = "a\nb:22" },
		"a long address":        func(r *api.ReportRunner) { r.Address = strings.Repeat("a", 300) + ":22" },
		"no host key":           func(r *api.ReportRunner) { r.HostKey = "" },
		"two host keys":         func(r *api.ReportRunner) { r.HostKey += "\n" + testHostKey },
		"a key's options":       func(r *api.ReportRunner) { r.HostKey = "no-pty " + r.HostKey },
		"a huge host key":       func(r *api.ReportRunner) { r.HostKey += strings.Repeat(" ", 5000) },
		"no node":               func(r *api.ReportRunner) { r.Node = "" },
		"a node of colour":      func(r *api.ReportRunner) { r.Node = "\x1b[31m" },
		"a Docker name":         func(r *api.ReportRunner) { r.DockerID = "web" },
		"a strange exec":        func(r *api.ReportRunner) { r.Exec = "a b" },
		"a long reason":         func(r *api.ReportRunner) { r.ExecReason = strings.Repeat("a", api.MaxExecReason+1) },
		"a reason of two lines": func(r *api.ReportRunner) { r.ExecReason = "one\ntwo" },
		"a reason of colour":    func(r *api.ReportRunner) { r.ExecReason = "\x1b[31mred" },
		"a reason turned round": func(r *api.ReportRunner) { r.ExecReason = "\u202ewhy" },
	} {
		bad := good
		change(&bad)
		if a := w.signed(c, "POST", path, bad); a.status != 400 || a.problem(t).Code != api.CodeBadRequest {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	other := good
	other.DockerID = "abcd"
	for _, id := range []string{"abcd", "fedcba", ""} {
		other.DockerID = id
		if a := w.signed(c, "POST", path, other); a.status != 409 || a.problem(t).Code != api.CodeConflict {
			t.Errorf("Docker id %q: %d %s", id, a.status, a.body)
		}
	}
	if a := w.signed(c, "POST", path, good); a.status != 200 {
		t.Errorf("a good report: %d %s", a.status, a.body)
	}
	other.DockerID = "abcdef9999" // it fits what was registered, and not what runs
	if a := w.signed(c, "POST", path, other); a.status != 409 {
		t.Errorf("another container of that prefix: %d %s", a.status, a.body)
	}
	code := 1
	w.signed(c, "POST", api.PathContainerEnd(api.Ref(c.ID)), api.EndContainer{ExitCode: &code})
	if a := w.signed(c, "POST", path, good); a.status != 410 || *a.problem(t).ExitCode != 1 {
		t.Errorf("once ended: %d %s", a.status, a.body)
	}
	r := w.request("POST", path, strings.Repeat("x", api.MaxBody+1))
	w.sign(r, c)
	if a := w.send(r); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body: %d %s", a.status, a.body)
	}
}

func TestRunnerSeesItsOwnRecordWithoutAnAddress(t *testing.T) {
	w := newWorld(t, nil)
	c := w.register("default", "web")
	w.report(c, "192.0.2.1:1")
	var v api.Container
	if a := w.signed(c, "GET", api.PathContainer(api.Ref(c.ID)), nil); json.Unmarshal(a.body, &v) != nil || v.ID != c.ID || v.RunnerAddress != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAuthoritiesAreProvedToWhoHoldsAToken(t *testing.T) {
	w := newWorld(t, nil)
	digest := proof.TokenDigest(w.admin)
	ask := func(handle string, version uint16) (api.Authorities, tls.ConnectionState) {
		t.Helper()
		config := w.tlsConfig()
		config.MinVersion, config.MaxVersion = version, version
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		defer client.CloseIdleConnections()
		resp, err := client.Get("https://" + w.addr + api.PathCA + "?" + api.QueryToken + "=" + handle)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var v api.Authorities
		if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d %v", resp.StatusCode, err)
		}
		return v, *resp.TLS
	}
	v, state := ask(proof.TokenHandle(digest), tls.VersionTLS13)
	e, err := proof.Export(state, proof.AuthorityLabel)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(v.TLS))
	if err := proof.Authority(digest, e, append(block.Bytes, v.Host...)).Check(v.Proof); err != nil {
		t.Errorf("the proof: %v", err)
	}
	if strings.ContainsAny(v.Host, "\r\n") || slices.Compare(block.Bytes, w.dir.TLS.DER()) != 0 {
		t.Errorf("the authorities are %+v", v)
	}
	unknown := sha256.Sum256([]byte("swy_unknown"))
	if v, _ := ask(hex.EncodeToString(unknown[:8]), tls.VersionTLS13); v.Proof != "" || v.Host == "" {
		t.Errorf("a handle of no token gets %+v", v)
	}
	if v, _ := ask(proof.TokenHandle(digest), tls.VersionTLS12); v.Proof != "" || v.TLS == "" {
		t.Errorf("over TLS 1.2 there is %+v", v)
	}
	w.refused(400, api.CodeBadRequest, "GET", api.PathCA+"?token=short", "", nil)
}
