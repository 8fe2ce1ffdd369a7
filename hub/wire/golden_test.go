package wire

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// golden is testdata/frames.json: every frame by its type, and variants of it by the type and a remark. Other
// languages read the same file.
type golden struct {
	Server, Client map[string]json.RawMessage
}

// serverFrames are the Go types of the server's frames.
var serverFrames = map[string]any{
	TypeWelcome: Welcome{}, TypeAuthExpiring: AuthExpiring{}, TypeAuthOK: AuthOK{}, TypeAuthChanged: AuthChanged{},
	TypeMFARequired: MFARequired{}, TypeSessionEnded: SessionEnded{}, TypeDevicesSnapshot: DevicesSnapshot{},
	TypeDevicesChanged: DevicesChanged{}, TypePresenceSnapshot: PresenceSnapshot{}, TypePresenceChanged: PresenceChanged{},
	TypeSessionsSnapshot: SessionsSnapshot{}, TypeSessionsChanged: SessionsChanged{}, TypeJobsChanged: JobsChanged{},
	TypeAuditAdded: AuditAdded{}, TypeMessage: Message{}, TypeAck: Ack{}, TypeError: Error{}, TypePing: Ping{}, TypeReconnect: Reconnect{},
}

func readGolden(t *testing.T) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := strict(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// strict refuses members that the type does not know.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func TestGoldenServerFrames(t *testing.T) {
	for name, frame := range readGolden(t).Server {
		kind, _, _ := strings.Cut(name, " ")
		goType, ok := serverFrames[kind]
		if !ok {
			t.Errorf("%s: no such frame", name)
			continue
		}
		roundTrip(t, name, kind, frame, reflect.New(reflect.TypeOf(goType)).Interface())
	}
}

func TestGoldenClientFrames(t *testing.T) {
	for name, frame := range readGolden(t).Client {
		kind, _, _ := strings.Cut(name, " ")
		roundTrip(t, name, kind, frame, new(Request))
	}
}

// roundTrip reads the frame into its Go type and demands that it is written as it was.
func roundTrip(t *testing.T, name, kind string, frame []byte, into any) {
	t.Helper()
	if err := strict(frame, into); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(into); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	want, got := open(t, frame), open(t, b.Bytes())
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s:\nread  %v\nwrote %v", name, want, got)
	}
	if want["type"] != kind {
		t.Errorf("%s has the type %v", name, want["type"])
	}
}

func open(t *testing.T, text []byte) (m map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // 12.50 stays 12.50
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Whoever adds a frame adds a vector.
func TestGoldenIsComplete(t *testing.T) {
	g := readGolden(t)
	clientTypes := []string{TypeAuth, TypeSubscribe, TypeUnsubscribe, TypeMessage, TypeMFA, TypePong}
	for _, kind := range clientTypes {
		if g.Client[kind] == nil {
			t.Errorf("no client frame %s", kind)
		}
	}
	for _, kind := range constants(t, "Type") {
		onlyClient := slices.Contains(clientTypes, kind) && kind != TypeMessage
		if !onlyClient && g.Server[kind] == nil {
			t.Errorf("no server frame %s", kind)
		}
	}
	for _, feed := range constants(t, "Feed") {
		if !slices.ContainsFunc(mapValues(g.Client), func(f json.RawMessage) bool { return open(t, f)["feed"] == feed }) {
			t.Errorf("nobody subscribes to %s", feed)
		}
	}
}

func mapValues(m map[string]json.RawMessage) (out []json.RawMessage) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// constants are the values of the string constants of frames.go whose names begin with the prefix.
func constants(t *testing.T, prefix string) (out []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "frames.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, prefix) {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, value)
		}
		return true
	})
	if len(out) == 0 {
		t.Fatalf("no constants %s…", prefix)
	}
	return out
}

func TestCloseCodesHaveOneName(t *testing.T) {
	for code, name := range closeNames {
		if code >= 4000 && (CloseCodeOf(name) != code || name == "") {
			t.Errorf("%d is %q, which is %d", code, name, CloseCodeOf(name))
		}
		if code.Final() != (code >= 4500) || code >= 5000 {
			t.Errorf("%d: final %t", code, code.Final())
		}
	}
	if CloseCodeOf("nonsense") != CloseSessionRevoked || CloseCode(4999).Name() != "" {
		t.Error("an unknown name or code")
	}
}
