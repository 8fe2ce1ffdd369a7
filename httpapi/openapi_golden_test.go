package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file of web/sdk anew")

// The types of the browser's client are generated from this description and, for the frames, from the schema that
// hub/wire keeps there.

func TestDescriptionIsTheOneOfTheSDK(t *testing.T) {
	goldenOfSDK(t, "openapi.json", description(t))
}

// goldenOfSDK compares v with a file of web/sdk.
func goldenOfSDK(t *testing.T, name string, v any) {
	t.Helper()
	file := "../web/sdk/" + name
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(sortedMembers(t, v)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s is old: go test ./httpapi -run SDK -update, then npm run generate in web/sdk", file)
	}
}

// sortedMembers is v with the members of all its objects in one order.
func sortedMembers(t *testing.T, v any) (out any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
