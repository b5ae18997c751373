// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

const anID = "0198c7de-93c1-7a43-8b4d-2f3fd3f0f6a5"

func TestCheckNameSaysWhatIsWrong(t *testing.T) {
	for name, want := range map[string]string{
		"web": "", "web-1": "", "a": "", "9": "", "a_b": "", strings.Repeat("x", 63): "",
		"":                      "empty",
		strings.Repeat("x", 64): "63 is the most",
		"Web":                   "does not fit", "web.": "does not fit", "-web": "does not fit", "web-": "does not fit",
		"we b": "does not fit", "web\n": "does not fit", "web\x00": "does not fit", "\x1b[31m": "does not fit", "wéb": "does not fit",
		"../x": "does not fit", anID: "form of an id",
	} {
		err := CheckName("container", name)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("CheckName(%q) = %v, want %q", name, err, want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x00\x1b\n") {
			t.Errorf("CheckName(%q) lets a control character through: %q", name, err)
		}
	}
}

func TestTheHostSuffixNamesNothingNew(t *testing.T) {
	for _, kind := range []string{"container", "project"} {
		if err := CheckNewName(kind, HostSuffix); err == nil || !strings.Contains(err.Error(), kind+` name "switchyard" is reserved`) {
			t.Errorf("a new %s of that name: %v", kind, err)
		}
		if err := CheckNewName(kind, HostSuffix+"-1"); err != nil {
			t.Error(err)
		}
		if CheckNewName(kind, "-") == nil {
			t.Error("it takes what CheckName refuses")
		}
	}
	if _, _, project, err := ParseRef("web." + HostSuffix); err != nil || project != HostSuffix {
		t.Errorf("a project older than the reservation is not reached: %q, %v", project, err)
	}
}

func TestParseRefTellsIdNameAndProject(t *testing.T) {
	for ref, want := range map[Ref][3]string{
		anID:                                {anID, "", ""},
		Ref(strings.ToUpper(anID)):          {anID, "", ""},
		"web":                               {"", "web", ""},
		"web.shop":                          {"", "web", "shop"},
		Ref(strings.Repeat("a", 63)) + ".b": {"", strings.Repeat("a", 63), "b"},
	} {
		id, name, project, err := ParseRef(ref)
		if got := [3]string{string(id), name, project}; err != nil || got != want {
			t.Errorf("ParseRef(%q) = %q, %v, want %q", ref, got, err, want)
		}
	}
	for _, ref := range []Ref{"", ".", "web.", ".shop", "a.b.c", "we b", "web\n", Ref(strings.Repeat("x", 10000))} {
		_, _, _, err := ParseRef(ref)
		if err == nil {
			t.Errorf("ParseRef(%q) has no error", ref)
		} else if len(err.Error()) > 1000 {
			t.Errorf("ParseRef of %d bytes answers with %d bytes", len(ref), len(err.Error()))
		}
	}
}

func TestGrantSurvivesItsEncoding(t *testing.T) {
	g := Grant{
		SessionID: "s", ContainerID: "c", User: "alice", LocalUser: "al", ClientAddress: "[::1]:5",
		Logins: []string{"root"}, Features: []Feature{FeatureShell}, IssuedAt: time.Unix(1700000000, 0).UTC(),
	}
	s, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeGrant(s)
	if err != nil || !reflect.DeepEqual(got, g) {
		t.Errorf("got %+v, %v, want %+v", got, err, g)
	}
	if !got.Allows(FeatureShell) || got.Allows(FeatureLocalForward) {
		t.Error("the grant allows something else than it lists")
	}
}

func TestEncodeRefusesAGrantThatNoRunnerWouldRead(t *testing.T) {
	g := Grant{SessionID: "s", ContainerID: "c", User: strings.Repeat("x", MaxGrantLength)}
	if _, err := g.Encode(); err == nil {
		t.Error("an oversized grant was encoded")
	}
}

func TestDecodeGrantRefusesWhatIsNone(t *testing.T) {
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, s := range []string{
		"", "!", b64("x"), b64("{}"), b64(`{"session_id":"s","user":"u"}`), b64(`[]`), b64(`{"session_id":7}`),
		b64(`{"session_id":"s","container_id":"c","user":"u"}`) + "=", strings.Repeat("A", MaxGrantLength+1),
	} {
		if g, err := DecodeGrant(s); err == nil {
			t.Errorf("DecodeGrant(%.40q) = %+v", s, g)
		}
	}
}

// The law: what decodes, encodes to something that decodes to the same.
func FuzzDecodeGrant(f *testing.F) {
	s, err := Grant{SessionID: "s", ContainerID: "c", User: "u", IssuedAt: time.Unix(1, 0)}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		g, err := DecodeGrant(s)
		if err != nil {
			return
		}
		again, err := g.Encode()
		if err != nil {
			return // JSON escapes can make it longer than the limit
		}
		if h, err := DecodeGrant(again); err != nil || !reflect.DeepEqual(g, h) {
			t.Errorf("%q decodes to %+v, then to %+v, %v", s, g, h, err)
		}
	})
}

func TestPathsEscapeWhatTheyAreGiven(t *testing.T) {
	for got, want := range map[string]string{
		PathContainerSSH("a/../b"):   "/v1/containers/a%2F..%2Fb/ssh",
		PathMember("p q", "u?x"):     "/v1/projects/p%20q/members/u%3Fx",
		PathContainerRunner("id"):    "/v1/containers/id/runner",
		PathContainerKey("web.shop"): "/v1/containers/web.shop/key",
		PathContainerEnd("web"):      "/v1/containers/web/end",
		PathToken("t"):               "/v1/tokens/t",
		PathSession("s"):             "/v1/sessions/s",
		PathUser("u"):                "/v1/users/u",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTheWireNamesAreFrozen(t *testing.T) {
	for got, want := range map[string]string{
		ProtocolSSH: "ssh", RunnerSSHPath: "/v1/ssh", HeaderProof: "Switchyard-Proof", HeaderGrant: "Switchyard-Grant",
		HeaderSession: "Switchyard-Session", HeaderLocalUser: "Switchyard-Local-User", HeaderClient: "Switchyard-Client",
		ProblemContentType: "application/problem+json", ProblemTypePrefix: "urn:switchyard:problem:", TokenPrefix: "swy_",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAProblemReadsAsItsSentence(t *testing.T) {
	var err error = NewProblem(404, CodeNotFound, "Not found", "there is no container %q", "x")
	var p *Problem
	if !errors.As(err, &p) || p.Type != "urn:switchyard:problem:not-found" || err.Error() != `there is no container "x"` {
		t.Errorf("got %+v, %v", p, err)
	}
	if got := (&Problem{Title: "Gone"}).Error(); got != "Gone" {
		t.Errorf("without detail it reads %q", got)
	}
}
