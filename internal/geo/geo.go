// Package geo tells roughly where an address is, from a database in MaxMind's format. No network is asked.
package geo

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// built holds db/country.mmdb if it was there at build time.
//
//go:embed all:db
var built embed.FS

// DB answers where addresses are. Lookup is safe for concurrent use, also on a nil DB, which knows nothing.
type DB struct {
	reader *maxminddb.Reader
}

// Open opens the database at path, of countries or of cities. Without a path it is the one that was built in, or,
// where none was, a DB that knows nothing.
func Open(path string) (*DB, error) {
	if path == "" {
		return openBuilt()
	}
	reader, err := maxminddb.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open location database: %w", err)
	}
	return &DB{reader}, nil
}

func openBuilt() (*DB, error) {
	data, err := built.ReadFile("db/country.mmdb")
	if errors.Is(err, fs.ErrNotExist) {
		return &DB{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read built-in location database: %w", err)
	}
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("open built-in location database: %w", err)
	}
	return &DB{reader}, nil
}

// Close releases the database; no Lookup may run or follow.
func (db *DB) Close() error {
	if db == nil || db.reader == nil {
		return nil
	}
	return db.reader.Close()
}

// Lookup is where an address is, nil when nobody knows or when it is an address of no place, such as a private one.
// City and country are English names; either may be empty.
func (db *DB) Lookup(addr netip.Addr) *wire.Location {
	addr = addr.Unmap().WithZone("")
	if db == nil || db.reader == nil || !public(addr) {
		return nil
	}
	record := db.reader.Lookup(addr)
	if !record.Found() {
		return nil
	}
	at := wire.Location{City: city(record), Country: country(record)}
	if at == (wire.Location{}) {
		return nil
	}
	return &at
}

func public(addr netip.Addr) bool { return addr.IsGlobalUnicast() && !addr.IsPrivate() }

// country knows the nested records of MaxMind and DB-IP and the flat ones of others.
func country(record maxminddb.Result) string {
	if name := text(record, "country", "names", "en"); name != "" {
		return name
	}
	for _, path := range [][]any{{"country", "iso_code"}, {"country_code"}} {
		if name := countries[strings.ToUpper(text(record, path...))]; name != "" {
			return name
		}
	}
	return ""
}

func city(record maxminddb.Result) string {
	if name := text(record, "city", "names", "en"); name != "" {
		return name
	}
	return text(record, "city")
}

// text is the string at a path, "" where a record is shaped otherwise.
func text(record maxminddb.Result, path ...any) string {
	var s string
	if record.DecodePath(&s, path...) != nil {
		return ""
	}
	return s
}
