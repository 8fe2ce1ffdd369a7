package httpapi_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// description is /openapi.json as clients read it.
func description(t *testing.T) doc {
	return open(t, nil).do("GET", "/openapi.json", nil).is(200).object()
}

// at walks into a document: names of members, one each.
func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for i, name := range path {
		d, ok := v.(doc)
		if !ok || d[name] == nil {
			t.Fatalf("no %s", strings.Join(path[:i+1], " → "))
		}
		v = d[name]
	}
	return v
}

// described calls f with every operation of the description.
func described(t *testing.T, d doc, f func(method, path string, op doc)) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(at(t, d, "paths").(doc))) {
		item := at(t, d, "paths", path).(doc)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			f(strings.ToUpper(method), path, item[method].(doc))
		}
	}
}

// TestOperations compares what there is with testdata/operations.txt: method, path, status of success, and who may call.
func TestOperations(t *testing.T) {
	var lines []string
	d := description(t)
	described(t, d, func(method, path string, op doc) {
		statuses := slices.Sorted(maps.Keys(at(t, op, "responses").(doc)))
		who := "anybody"
		if security, ok := op["security"].([]any); ok {
			roles, _ := json.Marshal(security[0].(doc)["bearer"])
			who = "bearer " + string(roles)
		}
		lines = append(lines, strings.Join([]string{method, path, strings.Join(statuses, ","), who}, " "))
	})
	got := strings.Join(lines, "\n") + "\n"
	const file = "testdata/operations.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the operations are not those of %s (-update writes it anew), but\n%s", file, got)
	}
}

func TestDescriptionHoldsTogether(t *testing.T) {
	d := description(t)
	if v := at(t, d, "openapi").(string); !strings.HasPrefix(v, "3.1.") {
		t.Errorf("version %s", v)
	}
	at(t, d, "info", "title")
	at(t, d, "info", "version")
	ids := map[string]bool{}
	described(t, d, func(method, path string, op doc) {
		id := at(t, op, "operationId").(string)
		if ids[id] || op["summary"] == "" || len(op["tags"].([]any)) != 1 {
			t.Errorf("%s %s: operation %q with summary %q and tags %v", method, path, id, op["summary"], op["tags"])
		}
		ids[id] = true
		inPath := 0
		for _, p := range list(op["parameters"]) {
			p := p.(doc)
			if p["in"] != "path" {
				continue
			}
			if inPath++; p["required"] != true || !strings.Contains(path, "{"+p["name"].(string)+"}") {
				t.Errorf("%s %s: parameter %v", method, path, p)
			}
		}
		if inPath != strings.Count(path, "{") {
			t.Errorf("%s %s has %d parameters in its path", method, path, inPath)
		}
		ref := at(t, op, "responses", "default", "content", "application/problem+json", "schema", "$ref")
		if ref != "#/components/schemas/Problem" || at(t, op, "responses", "default", "description") == "" {
			t.Errorf("%s %s fails with %v", method, path, ref)
		}
	})
	walk(d, func(at doc) {
		if ref, ok := at["$ref"].(string); ok {
			name, local := strings.CutPrefix(ref, "#/components/schemas/")
			if schemas := d["components"].(doc)["schemas"].(doc); !local || schemas[name] == nil {
				t.Errorf("%s leads nowhere", ref)
			}
		}
		if _, old := at["nullable"]; old {
			t.Error("nullable is of OpenAPI 3.0")
		}
		if security, ok := at["security"].([]any); ok {
			for _, scheme := range security {
				bearer, _ := scheme.(doc)["bearer"].([]any)
				if service, _ := scheme.(doc)["service"].([]any); bearer == nil && service == nil {
					t.Errorf("security %v", scheme)
				}
			}
		}
	})
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// walk calls f with every object of a document.
func walk(v any, f func(doc)) {
	switch v := v.(type) {
	case doc:
		f(v)
		for _, inner := range v {
			walk(inner, f)
		}
	case []any:
		for _, inner := range v {
			walk(inner, f)
		}
	}
}

func TestSchemas(t *testing.T) {
	schemas := at(t, description(t), "components", "schemas").(doc)
	for name, optional := range map[string][]string{
		"User":    nil,
		"Session": {"ended_at", "end_reason", "user"},
		"SignIn":  {"refresh_token"},
		"Problem": {"detail", "fields", "retry_after"},
		"Event":   {"reason", "user"},
		"Ticket":  nil,
	} {
		var want []string
		for member := range at(t, schemas, name, "properties").(doc) {
			if !slices.Contains(optional, member) {
				want = append(want, member)
			}
		}
		var got []string
		for _, member := range at(t, schemas, name, "required").([]any) {
			got = append(got, member.(string))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s requires %v, want %v", name, got, want)
		}
	}
	for name, member := range map[string]string{"User": "created_at", "Session": "created_at", "Event": "at", "Node": "started_at"} {
		if m := at(t, schemas, name, "properties", member).(doc); m["type"] != "string" || m["format"] != "date-time" {
			t.Errorf("%s.%s is %v", name, member, m)
		}
	}
	for _, member := range []string{"last_seen_at", "expires_at", "ended_at"} {
		if m := at(t, schemas, "Session", "properties", member).(doc); m["type"] != "string" || m["format"] != "date-time" {
			t.Errorf("Session.%s is %v", member, m)
		}
	}
	location, _ := json.Marshal(at(t, schemas, "Session", "properties", "location"))
	if string(location) != `{"anyOf":[{"$ref":"#/components/schemas/Location"},{"type":"null"}]}` {
		t.Errorf("location is %s", location)
	}
	for name := range schemas {
		if strings.HasPrefix(name, "Error") {
			t.Errorf("the description has %s, which is never sent", name)
		}
		walk(schemas[name], func(m doc) {
			if kinds, several := m["type"].([]any); several && slices.Contains(kinds, any("array")) {
				t.Errorf("a list of %s may be null", name)
			}
		})
	}
}
