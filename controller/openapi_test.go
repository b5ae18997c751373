// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"switchyard/api"
	"switchyard/controller"
)

const specFile = "../docs/openapi.yaml"

// spec is docs/openapi.yaml with the schemas in it compiled as they are asked for.
type spec struct {
	doc      map[string]any
	mu       sync.Mutex // guards compiler
	compiler *jsonschema.Compiler
}

var theSpec = sync.OnceValues(readSpec)

func readSpec() (*spec, error) {
	text, err := os.ReadFile(specFile)
	if err != nil {
		return nil, err
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	b, err := json.Marshal(tree) // from here on it is JSON, as the schemas are
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	s := &spec{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler()}
	s.compiler.DefaultDraft(jsonschema.Draft2020) // which OpenAPI 3.1 is based on
	s.compiler.AssertFormat()
	return s, s.compiler.AddResource("openapi.json", doc)
}

// at follows keys from a place in the document, and a reference wherever one stands. It returns what is
// there, nil for nothing, and its JSON pointer.
func (s *spec) at(from string, keys ...string) (any, string) {
	v := s.get(from)
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v, from = m[k], from+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(k)
		m, _ = v.(map[string]any)
		if ref, ok := m["$ref"].(string); ok {
			from = strings.TrimPrefix(ref, "#")
			v = s.get(from)
		}
	}
	return v, from
}

func (s *spec) get(pointer string) (v any) {
	v = s.doc
	for _, k := range strings.Split(pointer, "/")[1:] {
		m, _ := v.(map[string]any)
		v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(k)]
	}
	return v
}

// validate holds a JSON value against the schema at the pointer.
func (s *spec) validate(pointer string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	schema, err := s.compiler.Compile("openapi.json#" + pointer)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// checkAnswer holds a real answer, and the request when it was accepted, against the document.
func (s *spec) checkAnswer(method, pattern string, request []byte, a answer) error {
	operation, where := s.at("", "paths", pattern, strings.ToLower(method))
	if operation == nil {
		return fmt.Errorf("there is no %s %s", method, pattern)
	}
	response, at := s.at(where, "responses", fmt.Sprint(a.status))
	if response == nil {
		if a.status < 400 {
			return fmt.Errorf("%s %s answers %d, which is not foreseen", method, pattern, a.status)
		}
		response, at = s.at(where, "responses", "default")
	}
	if err := s.checkBody(at, response, a); err != nil {
		return fmt.Errorf("%s %s answers %d: %v", method, pattern, a.status, err)
	}
	if schema, body := s.at(where, "requestBody", "content", "application/json", "schema"); a.status < 300 && schema != nil {
		if err := s.validate(body, request); err != nil {
			return fmt.Errorf("%s %s accepts what is not foreseen: %v", method, pattern, err)
		}
	}
	return nil
}

func (s *spec) checkBody(at string, response any, a answer) error {
	content, _ := response.(map[string]any)["content"].(map[string]any)
	if len(content) == 0 {
		if len(a.body) > 0 {
			return fmt.Errorf("a body that is not foreseen")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		return err
	}
	v, schema := s.at(at, "content", media, "schema")
	if v == nil {
		return fmt.Errorf("the type %q, which is not foreseen", media)
	}
	if media == "text/plain" {
		return nil
	}
	return s.validate(schema, a.body)
}

func TestEveryRouteIsInTheOpenAPIFileAndTheOtherWayRound(t *testing.T) {
	s, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	for path, item := range s.doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				written = append(written, strings.ToUpper(method)+" "+path)
			}
		}
	}
	routed := controller.RoutesForTest()
	slices.Sort(written)
	slices.Sort(routed)
	if !slices.Equal(written, routed) {
		t.Errorf("the file has\n%s\nthe controller routes\n%s", strings.Join(written, "\n"), strings.Join(routed, "\n"))
	}
}

func TestEveryPathParameterIsDeclaredInTheOpenAPIFile(t *testing.T) {
	s, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range s.doc["paths"].(map[string]any) {
		declared := 0
		parameters, _ := item.(map[string]any)["parameters"].([]any)
		for _, p := range parameters {
			if ref, ok := p.(map[string]any)["$ref"].(string); ok {
				p, _ = s.at(strings.TrimPrefix(ref, "#"))
			}
			name, _ := p.(map[string]any)["name"].(string)
			if !strings.Contains(path, "{"+name+"}") {
				t.Errorf("%s declares the parameter %q, which it does not have", path, name)
			}
			declared++
		}
		if want := strings.Count(path, "{"); declared != want {
			t.Errorf("%s has %d parameters and declares %d", path, want, declared)
		}
	}
}

func TestEveryProblemCodeIsInTheOpenAPIFile(t *testing.T) {
	s, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	_, schema := s.at("", "components", "schemas", "Problem", "properties", "code")
	for _, code := range []api.Code{
		api.CodeTokenMissing, api.CodeTokenInvalid, api.CodeTokenExpired, api.CodeTokenRevoked, api.CodeUserDisabled,
		api.CodeSignature, api.CodeNotFound, api.CodeForbidden, api.CodeShellOff, api.CodeAmbiguous, api.CodeConflict,
		api.CodeQueued, api.CodeEnded, api.CodeRunner, api.CodeUpgradeRequired, api.CodeTooMany, api.CodeDraining,
		api.CodeBadRequest, api.CodeTooLarge, api.CodeMethodNotAllowed, api.CodeInternal,
	} {
		if err := s.validate(schema, fmt.Appendf(nil, "%q", code)); err != nil {
			t.Errorf("code %q: %v", code, err)
		}
	}
	if s.validate(schema, []byte(`"something-else"`)) == nil {
		t.Error("any code would do")
	}
}

func TestEverySchemaInTheOpenAPIFileCompiles(t *testing.T) {
	s, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	schemas, _ := s.at("", "components", "schemas")
	for name := range schemas.(map[string]any) {
		if _, err := s.compiler.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("schema %q: %v", name, err)
		}
	}
}

// TestOpenAPICheckSeesADifference keeps the check that every test's answers go through from being empty.
func TestOpenAPICheckSeesADifference(t *testing.T) {
	s, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	asJSON := http.Header{"Content-Type": {"application/json"}}
	for name, a := range map[string]answer{
		"a field too many":      {status: 200, header: asJSON, body: []byte(`{"shell_access":"admin","more":1}`)},
		"a field too few":       {status: 200, header: asJSON, body: []byte(`{}`)},
		"a wrong value":         {status: 200, header: asJSON, body: []byte(`{"shell_access":"maybe"}`)},
		"an unforeseen status":  {status: 202, header: asJSON, body: []byte(`{"shell_access":"admin"}`)},
		"an unforeseen type":    {status: 200, header: http.Header{"Content-Type": {"text/html"}}, body: []byte(`{"shell_access":"admin"}`)},
		"a problem that is not": {status: 404, header: http.Header{"Content-Type": {api.ProblemContentType}}, body: []byte(`{"title":"x"}`)},
	} {
		if s.checkAnswer("GET", api.PathSettings, nil, a) == nil {
			t.Errorf("%s passes", name)
		}
	}
	good := answer{status: 200, header: asJSON, body: []byte(`{"shell_access":"admin"}`)}
	if err := s.checkAnswer("GET", api.PathSettings, nil, good); err != nil {
		t.Errorf("a right answer does not pass: %v", err)
	}
	if s.checkAnswer("PATCH", api.PathSettings, []byte(`{"shell":1}`), good) == nil {
		t.Error("an unforeseen request passes")
	}
}
