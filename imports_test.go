package gatehouse_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gatehouse-dev/gatehouse"

// plan is the house: which packages of this module each package may import. Arrows point down; a package that is not
// here has no room yet. "." is the root. Tests may reach further, since nothing is built on them.
var plan = map[string]string{
	"cmd/gatehouse": ". client hub/wire internal/account internal/cluster/redis internal/config internal/doctor internal/fault " +
		"internal/hints internal/id internal/reseal internal/rules internal/session internal/staff internal/store/sqlite internal/transfer",

	".": "httpapi hub hub/wire internal/access internal/account internal/audit internal/clientaddr internal/cluster " +
		"internal/cluster/local internal/cluster/redis internal/config internal/events internal/factor internal/fault internal/geo internal/hints " +
		"internal/id internal/location internal/mail internal/oauth internal/outbox internal/presence internal/ratelimit " +
		"internal/revocation internal/rules internal/servicekey internal/session internal/signin internal/webhook internal/words web",
	// What measures from outside, as any other client would.
	"bench":       "",
	"bench/load":  "",
	"bench/peers": "bench/load",

	// The surfaces. They do not know each other: what a call changes, the rules announce, and the root brings to the hub.
	"httpapi": "hub/wire internal/access internal/account internal/audit internal/clientaddr internal/device " +
		"internal/address internal/events internal/factor internal/fault internal/grant internal/id internal/oauth internal/outbox internal/presence " +
		"internal/ratelimit internal/servicekey internal/session internal/signin internal/staff internal/token internal/webhook",
	"hub":    "hub/wire internal/id",
	"client": "hub/wire",
	"web":    "",

	// For other services: as strict as the server, by the same code.
	"client/verify": "internal/fault internal/token",

	// Who looks at a configuration and what it names.
	"internal/doctor": "internal/cluster/redis internal/config internal/fault internal/geo internal/mail internal/rules " +
		"internal/seal internal/store/mongo internal/store/sqlite internal/token",

	// The rules, and what wires them on a store.
	"internal/rules": "internal/account internal/address internal/audit internal/config internal/factor internal/grant internal/keyset " +
		"internal/oauth internal/outbox internal/revocation internal/seal internal/session internal/signin internal/staff " +
		"internal/location internal/mail internal/servicekey internal/store/mongo internal/store/sqlite internal/transfer internal/webhook",
	"internal/rules/rulestest": "hub/wire internal/access internal/account internal/audit internal/config internal/id " +
		"internal/fault internal/outbox internal/revocation internal/rules internal/seal internal/session internal/signin internal/store/sqlite",
	"internal/address": "hub/wire internal/account internal/audit internal/fault internal/grant internal/id internal/mail internal/outbox internal/session",
	"internal/staff":   "hub/wire internal/account internal/audit internal/factor internal/fault internal/id internal/mail internal/session",
	"internal/signin": "hub/wire internal/account internal/audit internal/clientaddr internal/device internal/factor internal/fault " +
		"internal/grant internal/id internal/mail internal/oauth internal/session",
	"internal/access":     "internal/account internal/fault internal/revocation internal/session internal/token",
	"internal/revocation": "hub/wire internal/account internal/session",
	"internal/session":    "hub/wire internal/account internal/audit internal/fault internal/id internal/seal internal/token",
	"internal/account":    "internal/fault internal/id",
	"internal/factor":     "internal/account internal/fault internal/grant internal/id internal/seal",
	"internal/grant":      "internal/fault internal/token",
	"internal/keyset":     "internal/fault internal/seal internal/token",
	"internal/token":      "internal/fault internal/id internal/seal",
	"internal/servicekey": "internal/audit internal/fault internal/id",

	// Work that is done later, through the outbox.
	"internal/outbox":   "internal/fault internal/id",
	"internal/location": "hub/wire internal/fault internal/outbox internal/session",
	"internal/mail":     "internal/account internal/fault internal/grant internal/id internal/outbox internal/session",
	"internal/webhook":  "internal/account internal/audit internal/fault internal/id internal/outbox internal/session",

	"internal/presence": "",
	"internal/audit":    "internal/id",

	// The stores know the records of the rules, and no other store.
	"internal/store/sqlite":    records + " internal/words",
	"internal/store/mongo":     records + " hub/wire internal/words",
	"internal/store/storetest": records + " hub/wire internal/id internal/transfer",

	// What works on all that a store keeps.
	"internal/transfer": "internal/grant internal/revocation internal/session",
	"internal/reseal":   "internal/account internal/factor internal/fault internal/outbox internal/seal internal/session internal/transfer internal/webhook",

	// What happens, for other services.
	"internal/events": "internal/presence internal/revocation internal/webhook",

	// What nodes share, and the language in which they speak of it.
	"internal/hints":               "internal/account internal/cluster internal/outbox internal/revocation internal/rules internal/session",
	"internal/cluster":             "",
	"internal/cluster/local":       "internal/cluster internal/presence",
	"internal/cluster/redis":       "internal/cluster internal/id internal/presence internal/ratelimit",
	"internal/cluster/clustertest": "internal/cluster internal/presence",
	"internal/ratelimit":           "",
	"internal/ratelimit/limittest": "internal/ratelimit",

	// The ground.
	"hub/wire":            "",
	"hub/wire/wiretest":   "",
	"internal/clientaddr": "",
	"internal/config":     "",
	"internal/device":     "hub/wire",
	"internal/fault":      "",
	"internal/geo":        "hub/wire",
	"internal/oauth":      "internal/config internal/fault",
	"internal/id":         "",
	"internal/seal":       "internal/fault",
	"internal/servertest": "internal/id",
	"internal/manynodes":  "",
	"internal/words":      "",
}

const records = "internal/account internal/audit internal/fault internal/grant internal/outbox internal/revocation internal/servicekey internal/session " +
	"internal/token internal/webhook"

// rooms are the only packages that may know a technology, by the beginning of its import path: so the rules know no
// HTTP, WebSocket, SQL, MongoDB or Redis.
var rooms = map[string]string{
	"net/http":                               "cmd/gatehouse . bench bench/load bench/peers httpapi hub client client/verify web internal/clientaddr internal/doctor internal/oauth internal/webhook",
	"github.com/go-chi/":                     "httpapi",
	"github.com/danielgtaylor/huma/":         "httpapi",
	"github.com/coder/websocket":             "hub client bench",
	"database/sql":                           "internal/store/sqlite",
	"modernc.org/sqlite":                     "internal/store/sqlite",
	"go.mongodb.org/":                        "internal/store/mongo internal/servertest bench/peers",
	"github.com/redis/":                      "internal/cluster/redis",
	"github.com/prometheus/":                 ".",
	"filippo.io/edwards25519":                "internal/token",
	"github.com/golang-jwt/":                 "internal/token",
	"golang.org/x/crypto/":                   "internal/account",
	"github.com/oschwald/":                   "internal/geo",
	"golang.org/x/oauth2":                    "internal/oauth",
	"github.com/coreos/":                     "internal/oauth",
	"github.com/go-webauthn/":                "internal/factor internal/rules",
	"github.com/pquerna/":                    "internal/factor internal/rules/rulestest",
	"github.com/boombuler/":                  "internal/factor",
	"github.com/mileusna/":                   "internal/device",
	"github.com/oklog/ulid/":                 "internal/id internal/token",
	"github.com/wneessen/":                   "internal/mail",
	"golang.org/x/term":                      "cmd/gatehouse",
	"golang.org/x/sys/":                      "hub",
	"golang.org/x/time/":                     "internal/ratelimit",
	"testing":                                "internal/store/storetest internal/servertest internal/cluster/clustertest internal/ratelimit/limittest internal/rules/rulestest",
	"github.com/santhosh-tekuri/":            "hub/wire/wiretest",
	"go.yaml.in/":                            "hub/wire/wiretest",
	module + "/hub/wire/wiretest":            "", // suites are for tests
	module + "/internal/store/storetest":     "",
	module + "/internal/cluster/clustertest": "",
	module + "/internal/ratelimit/limittest": "",
	module + "/internal/rules/rulestest":     "",
	module + "/internal/servertest":          "",
	module + "/cmd/":                         "",
}

func TestImportsPointDown(t *testing.T) {
	for pkg, imports := range tree(t) {
		room, planned := plan[pkg]
		if !planned {
			t.Errorf("%s has no room in the plan: say what it may import, and who may import it", pkg)
			continue
		}
		for _, imported := range imports {
			if own, ok := within(imported); ok && !listed(room, own) {
				t.Errorf("%s must not import %s", pkg, own)
			}
		}
	}
}

func TestTechnologiesStayInTheirRooms(t *testing.T) {
	for pkg, imports := range tree(t) {
		for _, imported := range imports {
			for technology, known := range rooms {
				if strings.HasPrefix(imported, technology) && !listed(known, pkg) {
					t.Errorf("%s must not import %s", pkg, imported)
				}
			}
		}
	}
}

// TestThePlanKeepsItsOwnRules holds whoever changes the plan to what the arrows mean.
func TestThePlanKeepsItsOwnRules(t *testing.T) {
	for pkg, room := range plan {
		for _, below := range strings.Fields(room) {
			if _, planned := plan[below]; !planned {
				t.Errorf("%s may import %s, which has no room", pkg, below)
			}
			if reaches(below, pkg, map[string]bool{}) {
				t.Errorf("%s and %s may import each other", pkg, below)
			}
			if path.Dir(pkg) == "internal/store" && path.Dir(below) == "internal/store" {
				t.Errorf("the store %s may import the store %s", pkg, below)
			}
		}
	}
	for _, pair := range [][2]string{{"hub", "httpapi"}, {"httpapi", "hub"}, {"hub", "internal/session"}, {"client", "internal/id"}} {
		if reaches(pair[0], pair[1], map[string]bool{}) {
			t.Errorf("%s may come to import %s", pair[0], pair[1])
		}
	}
}

// reaches tells whether the plan lets from import to, if need be by way of others. Seen is where it has looked.
func reaches(from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(strings.Fields(plan[from]), func(below string) bool { return reaches(below, to, seen) })
}

func listed(list, pkg string) bool { return slices.Contains(strings.Fields(list), pkg) }

// within is the import path relative to the module, for packages of it.
func within(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// tree is what each package of the checkout imports, tests left out.
func tree(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string]map[string]bool{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipped(name)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(name))
		if found[pkg] == nil {
			found[pkg] = map[string]bool{}
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[pkg][imported] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string][]string{}
	for pkg, imports := range found {
		packages[pkg] = slices.Sorted(maps.Keys(imports))
	}
	return packages
}

// skipped leaves out directories that the go tool ignores, modules of their own, and what npm installs.
func skipped(name string) error {
	base := filepath.Base(name)
	if _, err := os.Stat(filepath.Join(name, "go.mod")); name != "." && err == nil {
		return fs.SkipDir
	}
	if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) || base == "testdata" || base == "node_modules" {
		return fs.SkipDir
	}
	return nil
}
