package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

var update = flag.Bool("update", false, "write the golden files of web/sdk anew")

// The types of the browser's client are generated from two files, so they must be what the server says of itself.

func TestDescriptionIsTheOneOfTheSDK(t *testing.T) {
	goldenOfSDK(t, "openapi.json", description(t))
}

// serverFrames are the Go types of what the hub sends.
var serverFrames = map[string]any{
	wire.TypeWelcome: wire.Welcome{}, wire.TypeAuthExpiring: wire.AuthExpiring{}, wire.TypeAuthOK: wire.AuthOK{},
	wire.TypeAuthChanged: wire.AuthChanged{}, wire.TypeMFARequired: wire.MFARequired{}, wire.TypeSessionEnded: wire.SessionEnded{},
	wire.TypeDevicesSnapshot: wire.DevicesSnapshot{}, wire.TypeDevicesChanged: wire.DevicesChanged{},
	wire.TypePresenceSnapshot: wire.PresenceSnapshot{}, wire.TypePresenceChanged: wire.PresenceChanged{},
	wire.TypeMessage: wire.Message{}, wire.TypeAck: wire.Ack{}, wire.TypeError: wire.Error{}, wire.TypePing: wire.Ping{},
	wire.TypeReconnect: wire.Reconnect{},
}

func TestFramesAreThoseOfTheSDK(t *testing.T) {
	text, err := os.ReadFile("../hub/wire/testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Server map[string]struct{ Type string }
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	for name, vector := range vectors.Server {
		if serverFrames[vector.Type] == nil {
			t.Errorf("%s has no type here", name)
		}
	}
	goldenOfSDK(t, "frames.schema.json", framesSchema())
}

// framesSchema is a JSON Schema (2020-12) of the hub's frames.
func framesSchema() map[string]any {
	defs := huma.NewMapRegistry("#/$defs/", huma.DefaultSchemaNamer)
	defs.RegisterTypeAlias(reflect.TypeFor[wire.Time](), reflect.TypeFor[time.Time]())
	defs.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]())
	var frames []*huma.Schema
	for _, kind := range slices.Sorted(maps.Keys(serverFrames)) {
		ref := defs.Schema(reflect.TypeOf(serverFrames[kind]), true, "")
		defs.SchemaFromRef(ref.Ref).Properties["type"] = &huma.Schema{Type: huma.TypeString, Enum: []any{kind}}
		frames = append(frames, ref)
	}
	settleFrames(defs.Map())
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Frames of gatehouse.v1",
		"$defs": defs.Map(), "type": "object", "properties": map[string]any{"server": map[string]any{"oneOf": frames}},
	}
}

// settleFrames says what huma cannot know: which members may be null, and that lists are none of them.
func settleFrames(defs map[string]*huma.Schema) {
	for _, s := range defs {
		for _, member := range s.Properties {
			if member.Type == huma.TypeArray {
				member.Nullable = false
			}
		}
	}
	location := defs["Session"].Properties["location"]
	defs["Session"].Properties["location"] = &huma.Schema{AnyOf: []*huma.Schema{location, {Type: "null"}}}
	for _, name := range []string{"Presence", "PresenceChanged"} {
		seen := defs[name].Properties["last_seen_at"]
		defs[name].Properties["last_seen_at"] = &huma.Schema{AnyOf: []*huma.Schema{seen, {Type: "null"}}}
	}
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
