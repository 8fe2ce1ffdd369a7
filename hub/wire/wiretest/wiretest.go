// Package wiretest holds frames to the description of the protocol, docs/asyncapi.yaml.
package wiretest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// The beginnings of the names of messages, by who sends them. The type of the frame follows.
const (
	Server = "server."
	Client = "client."
)

// Description is the document, taken at its word: readers must ignore members that they do not know, but here what the
// document does not name is wrong.
type Description struct {
	payloads map[string]*jsonschema.Schema // by the name of the message
}

// Read reads the document. Many goroutines may use it.
func Read(file string) (*Description, error) {
	doc, err := parse(file)
	if err != nil {
		return nil, err
	}
	parts := doc["components"].(map[string]any)
	for _, s := range parts["schemas"].(map[string]any) {
		if s := s.(map[string]any); s["properties"] != nil {
			s["additionalProperties"] = false
		}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // what AsyncAPI means where a schema does not say
	c.AssertFormat()
	if err := c.AddResource(file, doc); err != nil {
		return nil, err
	}
	d := &Description{map[string]*jsonschema.Schema{}}
	for name := range parts["messages"].(map[string]any) {
		if d.payloads[name], err = c.Compile(file + "#/components/messages/" + name + "/payload"); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// parse reads YAML as if it were JSON.
func parse(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var loose map[string]any
	if err := yaml.Unmarshal(text, &loose); err != nil {
		return nil, err
	}
	if text, err = json.Marshal(loose); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return doc.(map[string]any), nil
}

// Messages are the names of all messages.
func (d *Description) Messages() []string { return slices.Sorted(maps.Keys(d.payloads)) }

// Check is the name of the message that a frame is, and what is wrong with it. From is Server or Client.
func (d *Description) Check(from string, frame []byte) (string, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(frame))
	if err != nil {
		return "", err
	}
	members, ok := v.(map[string]any)
	if !ok {
		return "", fmt.Errorf("a frame is an object")
	}
	kind, _ := members["type"].(string)
	s := d.payloads[from+kind]
	if s == nil {
		return "", fmt.Errorf("%s%s is not in the document", from, kind)
	}
	return from + kind, s.Validate(v)
}
