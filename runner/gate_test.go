// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/proof"
)

func testGate() gate { return gate{id: testID, key: testKey.AddressKey("127.0.0.1:7022")} }

// head is a request as the controller sends it, for an exporter of zeros.
func head(grant, proof string) string {
	return "POST " + api.RunnerSSHPath + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ssh\r\n" +
		api.HeaderGrant + ": " + grant + "\r\n" + api.HeaderProof + ": " + proof + "\r\n\r\n"
}

func TestGrantsAreGoodForTheirTimeWithTheSkewOfClocks(t *testing.T) {
	now := time.Now()
	for age, want := range map[time.Duration]bool{
		0:                                 true,
		api.GrantLifetime:                 true,
		api.GrantLifetime + proof.MaxSkew: true,
		api.GrantLifetime + proof.MaxSkew + time.Second: false,
		-proof.MaxSkew:               true,
		-proof.MaxSkew - time.Second: false,
	} {
		g := aGrant()
		g.IssuedAt = now.Add(-age)
		if _, err := testGate().read(encode(t, g), now); (err == nil) != want {
			t.Errorf("a grant %v old: %v", age, err)
		}
	}
}

// Whatever comes, only the right proof over exactly the grant that came is let in.
func FuzzRequest(f *testing.F) {
	good := encode(f, aGrant())
	right := testGate().key.Request(proof.Exporter{}, good).String()
	f.Add([]byte(head(good, strings.Repeat("0", 64))))
	f.Add([]byte(head("", right)))
	f.Add([]byte(head(good, "") + head(good, right)))
	f.Add([]byte("POST /v1/ssh HTTP/1.1\r\n" + api.HeaderProof + ": \r\n" + api.HeaderProof + ": x\r\n\r\n"))
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			r = nil
		}
		a, err := testGate().admit(r, proof.Exporter{}, time.Now())
		if err == nil && (r == nil || testGate().key.Request(proof.Exporter{}, r.Header.Get(api.HeaderGrant)).Check(r.Header.Get(api.HeaderProof)) != nil) {
			t.Errorf("%q was let in with %+v", b, a.grant)
		}
	})
}

// A grant that the proof covers is still only believed when it is one, and for this container.
func FuzzGrant(f *testing.F) {
	f.Add(encode(f, aGrant()))
	f.Add("bm90IGpzb24")
	f.Add("e30")
	f.Add("")
	f.Fuzz(func(t *testing.T, encoded string) {
		g, err := testGate().read(encoded, time.Now())
		if err == nil && (g.ContainerID != testID || g.SessionID == "" || g.User == "") {
			t.Errorf("%q was read as %+v", encoded, g)
		}
	})
}

func TestTheRightRequestIsLetIn(t *testing.T) {
	good := encode(t, aGrant())
	right := testGate().key.Request(proof.Exporter{}, good).String()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head(good, right))))
	if err != nil {
		t.Fatal(err)
	}
	a, err := testGate().admit(r, proof.Exporter{}, time.Now())
	if err != nil || a.grant.User != testUser {
		t.Errorf("it was answered %+v, %v", a, err)
	}
	if err := testGate().key.Response(proof.Exporter{}).Check(a.response.String()); err != nil {
		t.Errorf("the runner's proof: %v", err)
	}
}
