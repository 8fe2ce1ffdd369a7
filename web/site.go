package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

const index = "index.html"

// policy allows scripts, styles and calls of this origin and nothing else: no inline script, no inline style, no frame
// around it. The one picture from elsewhere is the QR code of an authenticator app, which comes in an answer.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// How long browsers keep what they got. Names under assets/ have a hash of what they name; the page that names them
// is asked for again each time.
const (
	forever = "public, max-age=31536000, immutable"
	aDay    = "public, max-age=86400"
	askMe   = "no-cache"
)

// file is a file of the app as it is sent.
type file struct {
	kind    string // its media type
	caching string
	tag     string
	plain   []byte
	packed  []byte // by gzip; nil where that is no gain
}

// Site serves a built app. An address that is no file is one of the app's own: it gets the page, which knows what is
// there. Only under assets/ a missing file is missing. The files are read once, now.
func Site(files fs.FS) http.Handler {
	all := make(map[string]*file)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		content, err := fs.ReadFile(files, name)
		all["/"+name] = newFile(name, content)
		return err
	})
	if err != nil || all["/"+index] == nil {
		panic(fmt.Sprintf("web: no app: %v", err)) // it is part of the binary
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := all[r.URL.Path]
		switch {
		case f != nil:
		case strings.HasPrefix(r.URL.Path, "/assets/"):
			http.NotFound(w, r)
			return
		default:
			f = all["/"+index]
		}
		f.serve(w, r)
	})
}

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	f := &file{kind: mime.TypeByExtension(path.Ext(name)), caching: aDay, tag: hex.EncodeToString(sum[:12]), plain: content}
	switch {
	case strings.HasPrefix(name, "assets/"):
		f.caching = forever
	case path.Ext(name) == ".html":
		f.caching = askMe
	}
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = z.Write(content)
	_ = z.Close()
	if out.Len() < len(content)*9/10 {
		f.packed = out.Bytes()
	}
	return f
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.caching)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if f.caching == askMe {
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	content, tag := f.plain, f.tag
	if f.packed != nil {
		h.Add("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			content, tag = f.packed, tag+"-gzip"
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// takesGzip reads Accept-Encoding as far as browsers use it (RFC 9110 section 12.5.3).
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(q), "q="), 64)
		return err != nil || weight > 0
	}
	return false
}
