package httpapi

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsStyle string

// docsOperation is a line of the page.
type docsOperation struct {
	Method, Path, Summary string
	Who                   string // who may call it
}

// docsGroup is a part of the page.
type docsGroup struct {
	Name       string
	Operations []docsOperation
}

// docs is a page for people, made once of the description. It loads nothing from elsewhere.
func docs(api *huma.OpenAPI) http.Handler {
	var page bytes.Buffer
	err := template.Must(template.New("docs").Parse(docsPage)).Execute(&page, map[string]any{
		"Style": template.CSS(docsStyle), "Version": api.Info.Version, "About": api.Info.Description, "Groups": docsGroups(api),
	})
	sum := sha256.Sum256([]byte(docsStyle))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err != nil {
			write(w, internal)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = w.Write(page.Bytes())
	})
}

func docsGroups(api *huma.OpenAPI) []docsGroup {
	byTag := map[string][]docsOperation{}
	for path, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				byTag[op.Tags[0]] = append(byTag[op.Tags[0]], docsOperation{op.Method, path, op.Summary, mayCall(op)})
			}
		}
	}
	var groups []docsGroup
	for tag, ops := range byTag {
		slices.SortFunc(ops, func(a, b docsOperation) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
		})
		groups = append(groups, docsGroup{tag, ops})
	}
	slices.SortFunc(groups, func(a, b docsGroup) int { return strings.Compare(a.Name, b.Name) })
	return groups
}

func mayCall(op *huma.Operation) string {
	switch {
	case len(op.Security) == 0:
		return "anybody"
	case len(op.Security[0]["bearer"]) == 0:
		return "signed in"
	}
	return strings.Join(op.Security[0]["bearer"], ", ")
}
