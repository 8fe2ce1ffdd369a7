package geo

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

func english(name string) mmdbtype.Map {
	return mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(name), "de": mmdbtype.String("nicht das")}}
}

// database writes one with a network per shape of record.
func database(t *testing.T) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "test", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range map[string]mmdbtype.DataType{
		"1.0.0.0/24":         mmdbtype.Map{"country_code": mmdbtype.String("AU")},
		"2.0.0.0/24":         mmdbtype.Map{"country": english("Germany"), "city": english("Berlin")},
		"3.0.0.0/24":         mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String("FR")}},
		"4.0.0.0/24":         mmdbtype.Map{"country_code": mmdbtype.String("NL"), "city": mmdbtype.String("Utrecht")},
		"5.0.0.0/24":         mmdbtype.Map{"country_code": mmdbtype.String("ZZ")},
		"6.0.0.0/24":         mmdbtype.Map{"asn": mmdbtype.Uint32(64500)},
		"7.0.0.0/24":         mmdbtype.String("no map"),
		"2a00::/16":          mmdbtype.Map{"country_code": mmdbtype.String("SE")},
		"10.0.0.0/8":         mmdbtype.Map{"country_code": mmdbtype.String("US")},
		"127.0.0.0/8":        mmdbtype.Map{"country_code": mmdbtype.String("US")},
		"169.254.0.0/16":     mmdbtype.Map{"country_code": mmdbtype.String("US")},
		"fd00::/8":           mmdbtype.Map{"country_code": mmdbtype.String("US")},
		"::1/128":            mmdbtype.Map{"country_code": mmdbtype.String("US")},
		"255.255.255.255/32": mmdbtype.Map{"country_code": mmdbtype.String("US")},
	} {
		_, p, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(p, record); err != nil {
			t.Fatalf("insert %s: %v", network, err)
		}
	}
	path := filepath.Join(t.TempDir(), "test.mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLookup(t *testing.T) {
	db, err := Open(database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for addr, want := range map[string]*wire.Location{
		"1.0.0.1":         {Country: "Australia"},
		"::ffff:1.0.0.1":  {Country: "Australia"},
		"2.0.0.1":         {City: "Berlin", Country: "Germany"},
		"3.0.0.1":         {Country: "France"},
		"4.0.0.1":         {City: "Utrecht", Country: "Netherlands"},
		"2a00::1":         {Country: "Sweden"},
		"5.0.0.1":         nil, // no such country
		"6.0.0.1":         nil, // no place in the record
		"7.0.0.1":         nil,
		"8.0.0.1":         nil, // no record
		"10.0.0.1":        nil,
		"127.0.0.1":       nil,
		"169.254.0.1":     nil,
		"fd00::1":         nil,
		"::1":             nil,
		"255.255.255.255": nil,
	} {
		got := db.Lookup(netip.MustParseAddr(addr))
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("Lookup(%s) = %+v, want %+v", addr, got, want)
		}
	}
	if got := db.Lookup(netip.Addr{}); got != nil {
		t.Errorf("Lookup of no address = %+v", got)
	}
}

func TestNilKnowsNothing(t *testing.T) {
	var db *DB
	if got := db.Lookup(netip.MustParseAddr("1.1.1.1")); got != nil {
		t.Errorf("Lookup = %+v", got)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.mmdb")
	if err := os.WriteFile(path, []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".missing"} {
		if _, err := Open(p); err == nil {
			t.Errorf("Open(%s) did not fail", p)
		}
	}
}

func TestBuiltIn(t *testing.T) {
	db, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if db.reader == nil {
		t.Skip("no country.mmdb in db: make geo fetches it")
	}
	if got := db.Lookup(netip.MustParseAddr("193.0.6.139")); got == nil || got.Country != "Netherlands" { // RIPE NCC
		t.Errorf("Lookup = %+v, want the Netherlands", got)
	}
}

func TestCountriesAreNamed(t *testing.T) {
	if len(countries) != 250 { // 249 of ISO 3166-1, and XK
		t.Errorf("%d countries", len(countries))
	}
	for code, name := range countries {
		if len(code) != 2 || name == "" || name == code {
			t.Errorf("%s is named %q", code, name)
		}
	}
}
