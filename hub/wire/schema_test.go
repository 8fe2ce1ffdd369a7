package wire

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// What describes the protocol to others is written from the Go types: the schema from which the types of web/sdk are
// generated, and the schemas of docs/asyncapi.yaml.

var update = flag.Bool("update", false, "write web/sdk/frames.schema.json and docs/asyncapi.yaml anew")

func TestFramesAreThoseOfTheSDK(t *testing.T) {
	defs := schemas(t)
	var frames []any
	for _, kind := range slices.Sorted(maps.Keys(serverFrames)) {
		frames = append(frames, object{"$ref": defsPrefix + schemaName(serverFrames[kind])})
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Frames of gatehouse.v1",
		"$defs": defs, "type": "object", "properties": object{"server": object{"oneOf": frames}},
	})
	if err != nil {
		t.Fatal(err)
	}
	equalsFile(t, "../../web/sdk/frames.schema.json", out.Bytes(), ", then npm run generate in web/sdk")
}

// equalsFile compares with a file that is written by -update.
func equalsFile(t *testing.T, name string, got []byte, then string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is old: go test ./hub/wire -update%s", name, then)
	}
}

type object = map[string]any

const defsPrefix = "#/$defs/"

func schemaName(v any) string { return huma.DefaultSchemaNamer(reflect.TypeOf(v), "") }

// schemas are the JSON Schemas of the server's frames and of what stands in them, by the names of their Go types.
func schemas(t *testing.T) map[string]object {
	t.Helper()
	defs := registry()
	for kind, frame := range serverFrames {
		ref := defs.Schema(reflect.TypeOf(frame), true, "")
		defs.SchemaFromRef(ref.Ref).Properties["type"] = &huma.Schema{Type: huma.TypeString, Enum: []any{kind}}
	}
	settle(defs.Map())
	comment(t, defs.Map())
	return plain[map[string]object](t, defs.Map())
}

func registry() huma.Registry {
	defs := huma.NewMapRegistry(defsPrefix, huma.DefaultSchemaNamer)
	defs.RegisterTypeAlias(reflect.TypeFor[Time](), reflect.TypeFor[time.Time]())
	defs.RegisterTypeAlias(reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]())
	return defs
}

// settle says what huma cannot know: which members may be null, and that lists are none of them.
func settle(defs map[string]*huma.Schema) {
	for _, s := range defs {
		for _, member := range s.Properties {
			if member.Type == huma.TypeArray {
				member.Nullable = false
			}
		}
	}
	for name, member := range map[string]string{"Session": "location", "Presence": "last_seen_at", "PresenceChanged": "last_seen_at"} {
		value := defs[name].Properties[member]
		defs[name].Properties[member] = &huma.Schema{AnyOf: []*huma.Schema{value, {Type: "null"}}}
	}
}

// comment describes members by the comments beside them.
func comment(t *testing.T, defs map[string]*huma.Schema) {
	t.Helper()
	for name, of := range declared(t) {
		if defs[name] == nil {
			continue
		}
		for member, text := range of.members {
			if s := defs[name].Properties[member]; s != nil && s.Ref == "" && s.Description == "" {
				s.Description = text
			}
		}
	}
}

// declaration is what the source says of a type.
type declaration struct {
	doc     string
	members map[string]string // the comments behind its fields, by their names in JSON
}

// declared are the types of this package.
func declared(t *testing.T) map[string]declaration {
	t.Helper()
	found := map[string]declaration{}
	for _, name := range []string{"frames.go", "wire.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if gen, ok := d.(*ast.GenDecl); ok && gen.Tok == token.TYPE {
				spec := gen.Specs[0].(*ast.TypeSpec)
				found[spec.Name.Name] = declaration{oneLine(gen.Doc.Text()), membersOf(spec)}
			}
		}
	}
	return found
}

func membersOf(spec *ast.TypeSpec) map[string]string {
	members := map[string]string{}
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return members
	}
	for _, f := range fields.Fields.List {
		if f.Tag != nil && f.Comment != nil {
			tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json")
			name, _, _ := strings.Cut(tag, ",")
			members[name] = oneLine(f.Comment.Text())
		}
	}
	return members
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// plain is v as its JSON reads, so that members of all objects are in one order.
func plain[T any](t *testing.T, v any) (out T) {
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
