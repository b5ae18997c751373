// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The vectors below were computed by an independent implementation from the formulas in the package
// doc. They are part of the protocol: other implementations are checked with them.
const (
	vectorContainer = "0198c7de-93c1-7a43-8b4d-2f3fd3f0f6a5"
	vectorAddress   = "10.0.0.7:40022"
	vectorGrant     = "eyJ4IjoxfQ"
	vectorKey       = "aa6616cd347876c4485672e2fa4a3df4161a62298c1f99a1416ac088afe45957"
	vectorRequest   = "ebbf15214fda64305949420d365bc1319b1389243e59c2eabe16d1138eff4d93"
	vectorResponse  = "8202c48c17cc257ea9997c06b457b817feb6f8e494e66f7b633c3fe5720fc73d"
	vectorSignature = "c0e3935fb8679f4c353b79ab52f2549bf1282b2ac3d824085b31c2ae32c8959e"
	vectorAuthority = "b756b8e89a701898a2b946e1109a64f8a72400fb4892ead5beee26e07f2828d6"
	vectorHandle    = "a58db4828adb1a35"
)

func vectorToken(t testing.TB) SystemToken {
	t.Helper()
	var b [Size]byte
	for i := range b {
		b[i] = byte(i)
	}
	token, err := ParseSystemToken(fmt.Sprintf("%x", b))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func vectorExporter() (e Exporter) {
	for i := range e {
		e[i] = byte(Size + i)
	}
	return e
}

func TestTheVectorsAreFrozen(t *testing.T) {
	key := vectorToken(t).ContainerKey(vectorContainer)
	address := key.AddressKey(vectorAddress)
	body := []byte(`{"address":"10.0.0.7:40022"}`)
	sign := key.Sign(vectorContainer, "POST", "/v1/containers/"+vectorContainer+"/runner", time.Unix(1700000000, 0), body)
	digest := TokenDigest("swy_example")
	for _, c := range []struct{ what, got, want string }{
		{"container key", key.Reveal(), vectorKey},
		{"request proof", address.Request(vectorExporter(), vectorGrant).String(), vectorRequest},
		{"response proof", address.Response(vectorExporter()).String(), vectorResponse},
		{"signature", sign, "Switchyard-Container " + vectorContainer + " 1700000000 " + vectorSignature},
		{"token handle", TokenHandle(digest), vectorHandle},
		{"authority proof", Authority(digest, vectorExporter(), []byte("der and line")).String(), vectorAuthority},
		{"exporter label", ExporterLabel, "EXPORTER-switchyard-runner"},
		{"authority label", AuthorityLabel, "EXPORTER-switchyard-authority"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestAProofHoldsForOneKeyAddressSessionAndGrantOnly(t *testing.T) {
	right := vectorToken(t).ContainerKey(vectorContainer).AddressKey(vectorAddress).Request(vectorExporter(), vectorGrant)
	other := vectorExporter()
	other[0] ^= 1
	for what, wrong := range map[string]Proof{
		"another container": vectorToken(t).ContainerKey("another").AddressKey(vectorAddress).Request(vectorExporter(), vectorGrant),
		"another address":   vectorToken(t).ContainerKey(vectorContainer).AddressKey("10.0.0.7:40023").Request(vectorExporter(), vectorGrant),
		"another session":   vectorToken(t).ContainerKey(vectorContainer).AddressKey(vectorAddress).Request(other, vectorGrant),
		"another grant":     vectorToken(t).ContainerKey(vectorContainer).AddressKey(vectorAddress).Request(vectorExporter(), vectorGrant+"x"),
		"the response":      vectorToken(t).ContainerKey(vectorContainer).AddressKey(vectorAddress).Response(vectorExporter()),
		"another token":     NewSystemToken().ContainerKey(vectorContainer).AddressKey(vectorAddress).Request(vectorExporter(), vectorGrant),
	} {
		if err := right.Check(wrong.String()); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: Check gives %v, want ErrMismatch", what, err)
		}
	}
	if err := right.Check(right.String()); err != nil {
		t.Errorf("the right proof: %v", err)
	}
}

func TestCheckRefusesWhatIsNotAProof(t *testing.T) {
	right := Proof{1, 2, 3}
	for _, got := range []string{
		"", "zz", right.String()[:62], right.String() + "00", strings.Repeat("g", 64), right.String() + " ", "\x00",
	} {
		if err := right.Check(got); !errors.Is(err, ErrMismatch) {
			t.Errorf("Check(%q) = %v, want ErrMismatch", got, err)
		}
	}
}

func TestKeysNeverPrint(t *testing.T) {
	token := NewSystemToken()
	key := token.ContainerKey("c")
	type holder struct {
		T SystemToken
		K ContainerKey
		A AddressKey
	}
	h := holder{token, key, key.AddressKey("a")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		out := strings.ToLower(fmt.Sprintf(verb, h))
		for _, secret := range [][]byte{h.T.secret[:], h.K.secret[:], h.A.secret[:]} {
			if strings.Contains(out, fmt.Sprintf("%x", secret)) || strings.Contains(out, fmt.Sprint(secret[0], secret[1], secret[2])) {
				t.Errorf("%s prints a secret: %s", verb, out)
			}
		}
	}
}

func TestParseErrorsDoNotHoldTheSecret(t *testing.T) {
	secret := "5ecret" + strings.Repeat("f", 70)
	if _, err := ParseContainerKey(secret); err == nil || strings.Contains(err.Error(), "5ecret") {
		t.Errorf("ParseContainerKey: %v", err)
	}
	if _, err := ParseSystemToken(secret[:64]); err == nil || strings.Contains(err.Error(), "5ecret") {
		t.Errorf("ParseSystemToken: %v", err)
	}
}

func TestRevealAndParseAreInverse(t *testing.T) {
	token := NewSystemToken()
	again, err := ParseSystemToken(token.Reveal())
	if err != nil || again != token {
		t.Errorf("the system token did not survive: %v", err)
	}
	key := token.ContainerKey("c")
	if got, err := ParseContainerKey(key.Reveal()); err != nil || got != key {
		t.Errorf("the container key did not survive: %v", err)
	}
}

func TestASignatureHoldsForOneCallAndAShortTime(t *testing.T) {
	now := time.Unix(1700000000, 0)
	key := vectorToken(t).ContainerKey(vectorContainer)
	s, err := ParseSignature(key.Sign(vectorContainer, "POST", "/p?q=1", now, []byte("body")))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, method, uri, body string
		key                     ContainerKey
		after                   time.Duration
		want                    error
	}{
		{"the same call", "POST", "/p?q=1", "body", key, 0, nil},
		{"a little later", "POST", "/p?q=1", "body", key, MaxSkew, nil},
		{"too late", "POST", "/p?q=1", "body", key, MaxSkew + time.Second, ErrClock},
		{"too early", "POST", "/p?q=1", "body", key, -MaxSkew - time.Second, ErrClock},
		{"another method", "PUT", "/p?q=1", "body", key, 0, ErrMismatch},
		{"another query", "POST", "/p?q=2", "body", key, 0, ErrMismatch},
		{"another body", "POST", "/p?q=1", "bodi", key, 0, ErrMismatch},
		{"another key", "POST", "/p?q=1", "body", vectorToken(t).ContainerKey("x"), 0, ErrMismatch},
	} {
		if err := s.Verify(c.key, c.method, c.uri, now.Add(c.after), []byte(c.body)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.what, err, c.want)
		}
	}
}

func TestParseSignatureRefusesWhatIsNone(t *testing.T) {
	m := strings.Repeat("0", 64)
	for _, h := range []string{
		"", "Bearer swy_x", Scheme, Scheme + " id 1", Scheme + " id x " + m, Scheme + " id 1 zz",
		Scheme + " id 1 " + m + "00", Scheme + "  id 1 " + m, Scheme + " id 99999999999999999999 " + m,
	} {
		if _, err := ParseSignature(h); err == nil {
			t.Errorf("ParseSignature(%q) has no error", h)
		}
	}
}

// The law: a header that parses is, byte for byte, one that Sign could have written.
func FuzzParseSignature(f *testing.F) {
	key := NewSystemToken().ContainerKey("c")
	f.Add(key.Sign("c", "POST", "/", time.Unix(1, 0), nil))
	f.Add("Switchyard-Container c -1 " + strings.Repeat("Aa", 32))
	f.Fuzz(func(t *testing.T, header string) {
		s, err := ParseSignature(header)
		if err != nil {
			return
		}
		again := fmt.Sprintf("%s %s %d %s", Scheme, s.ContainerID, s.Time, s.mac)
		if p, err := ParseSignature(again); err != nil || p != s {
			t.Errorf("%q parses, but %q gives %v, %v", header, again, p, err)
		}
	})
}

// The law: nothing but the proof's own digits is accepted.
func FuzzCheck(f *testing.F) {
	right := Proof(bytes.Repeat([]byte{0xa5}, Size))
	f.Add(right.String())
	f.Add(strings.ToUpper(right.String()))
	f.Add("")
	f.Fuzz(func(t *testing.T, got string) {
		if err := right.Check(got); (err == nil) != strings.EqualFold(got, right.String()) {
			t.Errorf("Check(%q) = %v", got, err)
		}
	})
}
