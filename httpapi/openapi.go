package httpapi

import (
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// description is what huma needs to know: JSON only, unknown members ignored, no links to schemas in answers, no
// pages of its own.
func description(version string) huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[wire.Time](), reflect.TypeFor[time.Time]())
	cfg := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Gatehouse", Version: version,
				Description: "Sign-in, sessions per device, live presence and instant sign-out. Errors are application/problem+json; clients read their code. The socket at /ws is described in docs/protocol.md.",
				License:     &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "An access token"},
				},
			},
		},
		Formats: map[string]huma.Format{
			"application/json": huma.DefaultJSONFormat,
			"json":             huma.DefaultJSONFormat, // what huma makes of application/problem+json
		},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{ours},
	}
	cfg.AllowAdditionalPropertiesByDefault = true
	return cfg
}

// settle says of the schemas what huma cannot: what may be null (where a session is, when a passkey was used), and that
// lists never are. Errors of huma's own form are not sent.
func settle(schemas huma.Registry) {
	delete(schemas.Map(), "ErrorModel")
	delete(schemas.Map(), "ErrorDetail")
	for _, s := range schemas.Map() {
		for _, member := range s.Properties {
			if member.Type == huma.TypeArray {
				member.Nullable = false
			}
		}
	}
	for name, member := range map[string]string{"Session": "location", "Passkey": "last_used_at", "ServiceKey": "last_used_at"} {
		m := schemas.Map()[name].Properties
		m[member] = &huma.Schema{AnyOf: []*huma.Schema{m[member], {Type: "null"}}}
	}
}

// problemResponse is how every operation fails.
func (a *API) problemResponse() *huma.Response {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")
	return &huma.Response{Description: "A problem", Content: map[string]*huma.MediaType{problemType: {Schema: schema}}}
}

// operationID names an operation by its place, such as delete-auth-sessions-id.
func operationID(method, path string) string {
	words := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}-", r) })
	return strings.ToLower(method) + "-" + strings.Join(words, "-")
}

// describeNavigation puts a navigation of the browser into the document.
func (a *API) describeNavigation(path, summary string, query ...string) {
	op := &huma.Operation{
		Method: "GET", Path: path, Summary: summary, Tags: []string{"Signing in"}, OperationID: operationID("GET", path),
		Parameters: []*huma.Param{{Name: "provider", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}}},
		Responses:  map[string]*huma.Response{"302": {Description: "Found"}, "default": a.problemResponse()},
	}
	for _, name := range query {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Schema: &huma.Schema{Type: "string"}})
	}
	a.huma.OpenAPI().AddOperation(op)
}

// describeServices puts what other services call, which is no JSON in or out, into the document.
func (a *API) describeServices() {
	api := a.huma.OpenAPI()
	api.Components.SecuritySchemes["service"] = &huma.SecurityScheme{Type: "http", Scheme: "bearer", Description: "A service key"}
	byKey := []map[string][]string{{"service": {}}}
	token := &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{"token": {Type: "string"}}, Required: []string{"token"}}
	result := api.Components.Schemas.Schema(reflect.TypeFor[Introspection](), true, "Introspection")
	api.AddOperation(&huma.Operation{
		Method: "POST", Path: "/auth/introspect", Summary: "Whether an access token is good here and now (RFC 7662)", Tags: []string{"Services"},
		OperationID: operationID("POST", "/auth/introspect"), Security: byKey,
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-www-form-urlencoded": {Schema: token}}},
		Responses: map[string]*huma.Response{
			"200":     {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: result}}},
			"default": a.problemResponse(),
		},
	})
	api.AddOperation(&huma.Operation{
		Method: "GET", Path: "/events", Summary: "What happens, as server-sent events; resumed by Last-Event-ID", Tags: []string{"Services"},
		OperationID: operationID("GET", "/events"), Security: byKey,
		Responses: map[string]*huma.Response{
			"200":     {Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: "string"}}}},
			"default": a.problemResponse(),
		},
	})
}
