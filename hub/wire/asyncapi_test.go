package wire

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-dev/gatehouse/hub/wire/wiretest"
)

const asyncapi = "../../docs/asyncapi.yaml"

// clientFrame describes a frame of the client: members of Request, beside the id, that it may have.
type clientFrame struct {
	doc   string
	may   []string
	rules object // what JSON Schema demands of the frame, besides
}

func needs(members ...string) object { return object{"required": append([]string{"type"}, members...)} }

var clientFrames = map[string]clientFrame{
	TypeAuth: {
		"Authenticates, or renews the authority of the socket, by an access token or a ticket.", []string{"token", "ticket"},
		object{"required": []string{"type"}, "oneOf": []any{object{"required": []string{"token"}}, object{"required": []string{"ticket"}}}},
	},
	TypeSubscribe: {
		"Watches a feed. Doing so again replaces what was asked for, and sends a new snapshot.", []string{"feed", "user_ids", "q", "limit"},
		object{
			"required": []string{"type", "feed"},
			"if":       object{"properties": object{"feed": object{"const": FeedPresence}}}, "then": object{"required": []string{"user_ids"}},
		},
	},
	TypeUnsubscribe: {"Ends a subscription.", []string{"feed"}, needs("feed")},
	TypeMessage: {
		"For the person's other devices, for a user (by admins), or, without to, for the program that embeds the hub.",
		[]string{"to", "name", "data"}, needs("name"),
	},
	TypeMFA:  {"Shows a second factor: a code of the authenticator app, or a recovery code.", []string{"code"}, needs("code")},
	TypePong: {"Answers a ping.", nil, needs()},
}

// bounds are what the server demands of members, beside their types.
func bounds(t *testing.T) map[string]object {
	return map[string]object{
		"id":       {"maxLength": MaxRequestID, "description": "Asks for an answer. At most 64 bytes"},
		"feed":     {"enum": constants(t, "Feed")},
		"user_ids": {"minItems": 1, "maxItems": MaxPresenceIDs, "description": "Whose presence. Users other than oneself need a staff role, or presence that all may see"},
		"q":        {"description": "The beginning of a word, or a whole address or id"},
		"limit":    {"minimum": 1, "description": "Of the snapshot. 50 by default, at most 200"},
		"name":     {"minLength": 1, "maxLength": MaxNameLength},
		"data":     {"description": "At most 4096 bytes of JSON"},
		"to": {"oneOf": []any{
			object{"type": "string", "const": "devices"},
			object{"type": "object", "required": []string{"user_id"}, "properties": object{"user_id": object{"type": "string"}}},
		}},
	}
}

// requests are the schemas of the client's frames, by their types.
func requests(t *testing.T) map[string]object {
	t.Helper()
	members := membersOfRequest(t)
	for name, more := range bounds(t) {
		maps.Copy(members[name], more)
	}
	out := map[string]object{}
	for kind, frame := range clientFrames {
		mine := object{"type": object{"type": "string", "enum": []string{kind}}}
		for _, name := range append([]string{"id"}, frame.may...) {
			mine[name] = members[name]
		}
		out[kind] = object{"type": "object", "properties": mine}
		maps.Copy(out[kind], frame.rules)
	}
	return out
}

// membersOfRequest are the schemas of its members.
func membersOfRequest(t *testing.T) map[string]object {
	t.Helper()
	defs := registry()
	ref := defs.Schema(reflect.TypeFor[Request](), true, "")
	members := plain[map[string]object](t, defs.SchemaFromRef(ref.Ref).Properties)
	members["user_ids"]["type"] = huma.TypeArray // huma takes lists for nullable
	return members
}

// The frames of the client are made of the members of Request, and of all of them.
func TestRequestIsTheUnionOfTheClientsFrames(t *testing.T) {
	used := map[string]bool{"type": true, "id": true}
	for _, frame := range clientFrames {
		for _, name := range frame.may {
			used[name] = true
		}
	}
	all := slices.Sorted(maps.Keys(membersOfRequest(t)))
	if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, all) {
		t.Errorf("frames have the members %v, Request has %v", got, all)
	}
}

func TestAsyncAPIIsWrittenFromTheFrames(t *testing.T) {
	text, err := os.ReadFile(asyncapi)
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	messages, schemas := messagesAndSchemas(t)
	all := slices.Sorted(maps.Keys(messages))
	listed := object{}
	for _, name := range all {
		listed[name] = object{"$ref": "#/components/messages/" + name}
	}
	put(t, &doc, "channels socket messages", listed)
	put(t, &doc, "channels socket x-close-codes", closes())
	put(t, &doc, "operations tell messages", inChannel(all, wiretest.Server))
	put(t, &doc, "operations take messages", inChannel(all, wiretest.Client))
	put(t, &doc, "components messages", messages)
	put(t, &doc, "components schemas", schemas)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		t.Fatal(err)
	}
	equalsFile(t, asyncapi, out.Bytes(), "")
}

// put replaces what stands at the path of names.
func put(t *testing.T, doc *yaml.Node, path string, v any) {
	t.Helper()
	at := doc.Content[0]
	for _, name := range strings.Fields(path) {
		i := slices.IndexFunc(at.Content, func(n *yaml.Node) bool { return n.Value == name })
		if i < 0 {
			t.Fatalf("no %s in the document", path)
		}
		at = at.Content[i+1]
	}
	*at = yaml.Node{}
	if err := at.Encode(v); err != nil {
		t.Fatal(err)
	}
}

// messagesAndSchemas are these components of the document.
func messagesAndSchemas(t *testing.T) (messages object, all map[string]object) {
	t.Helper()
	vectors, docs := readGolden(t), declared(t)
	messages, all = object{}, opened(t)
	for kind, frame := range serverFrames {
		name := schemaName(frame)
		m := message(t, kind, docs[name].doc, name, vectors.Server)
		if _, answers := all[name]["properties"].(object)["re"]; answers {
			m["correlationId"] = object{"location": "$message.payload#/re"}
		}
		messages[wiretest.Server+kind] = m
	}
	for kind, s := range requests(t) {
		name := "Client" + strings.ToUpper(kind[:1]) + kind[1:]
		m := message(t, kind, clientFrames[kind].doc, name, vectors.Client)
		m["correlationId"] = object{"location": "$message.payload#/id"}
		messages[wiretest.Client+kind], all[name] = m, s
	}
	return messages, all
}

// opened are the schemas of the server's frames for readers, who ignore what they do not know.
func opened(t *testing.T) map[string]object {
	t.Helper()
	text, err := json.Marshal(schemas(t))
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]object
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte(defsPrefix), []byte("#/components/schemas/")), &out); err != nil {
		t.Fatal(err)
	}
	docs := declared(t)
	for name, s := range out {
		s["description"] = docs[name].doc
		if s["additionalProperties"] == false {
			delete(s, "additionalProperties")
		}
	}
	return out
}

// message is one of the document, with the golden vectors of its type as examples.
func message(t *testing.T, kind, doc, schema string, vectors map[string]json.RawMessage) object {
	t.Helper()
	var examples []object
	for _, name := range slices.Sorted(maps.Keys(vectors)) {
		if first, _, _ := strings.Cut(name, " "); first == kind {
			examples = append(examples, object{"name": name, "payload": plain[any](t, vectors[name])})
		}
	}
	return object{"name": kind, "summary": doc, "payload": object{"$ref": "#/components/schemas/" + schema}, "examples": examples}
}

// inChannel refers to the messages of one side.
func inChannel(all []string, from string) (refs []object) {
	for _, name := range all {
		if strings.HasPrefix(name, from) {
			refs = append(refs, object{"$ref": "#/channels/socket/messages/" + name})
		}
	}
	return refs
}

// closes are the close codes, for x-close-codes.
func closes() map[string]object {
	out := map[string]object{}
	for code, name := range closeNames {
		out[strconv.Itoa(int(code))] = object{"name": name, "final": code.Final()}
	}
	return out
}

func readDescription(t *testing.T) *wiretest.Description {
	t.Helper()
	d, err := wiretest.Read(asyncapi)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Every vector is as the document says, every type of a frame has its message, and the document has no others.
func TestVectorsAreAsDescribed(t *testing.T) {
	described := readDescription(t)
	vectors := readGolden(t)
	shown := map[string]bool{}
	for from, frames := range map[string]map[string]json.RawMessage{wiretest.Server: vectors.Server, wiretest.Client: vectors.Client} {
		for name, frame := range frames {
			message, err := described.Check(from, frame)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			shown[message] = true
		}
	}
	if got, want := described.Messages(), slices.Sorted(maps.Keys(shown)); !slices.Equal(got, want) {
		t.Errorf("the document has %v, the vectors show %v", got, want)
	}
}

func TestEveryFrameTypeIsDescribed(t *testing.T) {
	messages := readDescription(t).Messages()
	var types []string
	for _, name := range messages {
		_, kind, _ := strings.Cut(name, ".")
		types = append(types, kind)
	}
	slices.Sort(types)
	if got, want := slices.Compact(types), slices.Sorted(slices.Values(constants(t, "Type"))); !slices.Equal(got, want) {
		t.Errorf("the document has %v, frames.go %v", got, want)
	}
}

// What the document does not allow is found out: a check that takes anything would show nothing.
func TestFramesThatAreNotAsDescribed(t *testing.T) {
	described := readDescription(t)
	for from, frames := range map[string][]string{
		wiretest.Server: {
			`[]`, `{}`, `{"type":"pong"}`, `{"type":"ack"}`, `{"type":"ack","re":1}`, `{"type":"ping","extra":1}`,
			`{"type":"devices.changed","seq":1.5,"change":"added","device":{}}`, `{"type":"devices.snapshot","seq":1,"devices":null}`,
			`{"type":"session.ended","reason":"kicked","by":{"kind":"nobody"},"at":"2026-02-03T04:05:06Z"}`,
			`{"type":"session.ended","reason":"kicked","by":{"kind":"admin"},"at":"yesterday"}`,
		},
		wiretest.Client: {
			`{"type":"ping"}`, `{"type":"auth"}`, `{"type":"auth","token":"a","ticket":"b"}`, `{"type":"subscribe"}`, `{"type":"mfa"}`,
			`{"type":"subscribe","feed":"nonsense"}`, `{"type":"subscribe","feed":"presence"}`, `{"type":"message","name":"x","to":"all"}`,
			`{"type":"pong","token":"a"}`, `{"type":"message","name":""}`,
		},
	} {
		for _, frame := range frames {
			if _, err := described.Check(from, []byte(frame)); err == nil {
				t.Errorf("%s may send %s", from, frame)
			}
		}
	}
}
