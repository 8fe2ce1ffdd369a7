package mongo

import (
	"net/url"
	"strings"
)

// splitURI cuts a connection string around its database: what comes before it with the slash, and the query with its
// question mark. The driver reads the rest, but does not tell the database.
func splitURI(uri string) (before, database, query string) {
	if i := strings.IndexByte(uri, '?'); i >= 0 {
		uri, query = uri[:i], uri[i:]
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return uri, "", query
	}
	hosts, path, _ := strings.Cut(rest, "/")
	database, err := url.PathUnescape(path)
	if err != nil {
		database = ""
	}
	return scheme + "://" + hosts + "/", database, query
}
