// Package web serves what people see in a browser: the app, where it was built into this binary (make app), and else a
// short page that says what this server is.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed page.html
var page string

// dist has nothing but a placeholder until the app is built, so that building the server needs no Node.
//
//go:embed all:app/dist
var dist embed.FS

// Handler serves the app, or the front page where there is none.
func Handler() http.Handler {
	if !Built() {
		return Front()
	}
	return Site(built())
}

// Built tells whether the app is in this binary.
func Built() bool {
	_, err := fs.Stat(built(), index)
	return err == nil
}

func built() fs.FS {
	files, err := fs.Sub(dist, "app/dist")
	if err != nil {
		panic(err) // the name is a constant, and valid
	}
	return files
}

// Front serves the short page, whatever is asked for.
func Front() http.Handler {
	policy := "default-src 'none'; style-src '" + styleHash() + "'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		_, _ = w.Write([]byte(page))
	})
}

// styleHash lets the page's one style element through the policy, and no other.
func styleHash() string {
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
