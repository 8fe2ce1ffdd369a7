# What there is to do here. None of it is needed to build: `go build ./cmd/gatehouse` is enough.

.DEFAULT_GOAL := build
.PHONY: run build geo app test test-web fuzz check bench bench-peers peers fmt lint

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOFILES      = $(shell find . -name '*.go' -not -path '*/node_modules/*')

# Build, and serve the embedded default at http://localhost:8080, with everything it keeps in ./data.
run: build
	./bin/gatehouse serve

# The binary, with the app and the country data inside where they can be had.
build: geo app
	go build -o bin/gatehouse ./cmd/gatehouse

# Everything that must hold. The race detector needs cgo and a C compiler. Several nodes under faults come last and by
# themselves, because they print how long things took.
test: build
	go vet ./...
	CGO_ENABLED=1 go test -race -timeout 20m $$(go list ./... | grep -v /internal/manynodes)
	go test -count=1 -v -timeout 15m ./internal/manynodes
	@if command -v npm >/dev/null; then $(MAKE) test-web; else echo "no npm: the SDK and the app are not tested"; fi

# The SDK and the app; then both in a real browser against the real binary, where there is one.
test-web: app
	cd web && npm run check && npm run test && npm run size
	@if command -v chromium >/dev/null; then cd web && npm run e2e; else echo "no chromium: the app is not tested in a browser"; fi

# Every fuzz target for a moment, beyond the seeds that each test run tries.
fuzz:
	@for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' $$f); do \
			echo "fuzz $$target" && go test -run '^$$' -fuzz "^$$target$$" -fuzztime 3s ./$$(dirname $$f) || exit 1; \
		done; \
	done

# What a change has to pass before it is merged.
check:
	@unformatted=$$(gofmt -l $(GOFILES)); test -z "$$unformatted" || { echo "not gofmt'd:" $$unformatted; exit 1; }
	go mod tidy -diff
	$(MAKE) peers lint test

# What is measured beside Gatehouse and is none of it: a module of its own, where that can be had, and a script.
peers:
	@cd bench/peers/centrifuge && if go mod download 2>/dev/null; then echo go vet ./... '#' in bench/peers/centrifuge; go vet ./... && go mod tidy -diff; \
	else echo "bench/peers/centrifuge left out: its modules cannot be fetched"; fi
	@if command -v node >/dev/null; then node --check bench/peers/socketio/server.js; fi

# Numbers: handshakes, memory of idle sockets, latency of a kick, refreshes.
bench:
	go test -run '^$$' -bench . -timeout 20m ./bench

# Gatehouse beside Centrifugo and Socket.IO: the same work, by the same client, in one run of half an hour. ARGS are
# flags, such as: make bench-peers ARGS='-only memory,handshake -runs 1'.
bench-peers:
	go run ./bench/peers $(ARGS)

fmt:
	gofmt -w $(GOFILES)

# The vulnerability database has to be reached over the network; where it cannot be, it is left out, and that is said.
lint:
	go vet ./...
	go run $(STATICCHECK) ./...
	@if curl -fsS --max-time 10 -o /dev/null https://vuln.go.dev/index/db.json 2>/dev/null; \
	then echo go run $(GOVULNCHECK) ./...; go run $(GOVULNCHECK) ./...; \
	else echo "govulncheck left out: vuln.go.dev is not reachable"; fi

# Which country an address is in, for builds that carry it (see internal/geo/db/README.md). The package is one exact
# tarball. Without npm or network there is no file, and the build knows no places.
GEO_PACKAGE   := @ip-location-db/geo-whois-asn-country-mmdb@2.3.2026061719
GEO_INTEGRITY := sha512-xemBDNQl4mCYDuVbqe3jKGKsVDykZGkfvebhtOh/3VGLadq8vsp7t7ontpMUt3hH7sAGT0eLDyJ99SV+0waxZg==
GEO_FILE      := internal/geo/db/country.mmdb

geo: $(GEO_FILE)

$(GEO_FILE):
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	if npm pack --json --fetch-retries=0 --fetch-timeout=20000 --pack-destination "$$dir" '$(GEO_PACKAGE)' 2>/dev/null \
		| grep -qF '$(GEO_INTEGRITY)' && tar -xzf "$$dir"/*.tgz -C "$$dir"; \
	then mv "$$dir/package/geo-whois-asn-country.mmdb" $@; \
	else echo "no country data: the build will know no places"; fi

# What people see in a browser, for builds that carry it. Without npm or its registry there is none, and the binary
# shows a short page instead.
APP         := web/app/dist/index.html
APP_SOURCES  = $(shell find web/app/src web/app/public web/sdk/src -type f) \
	web/package-lock.json web/app/package.json web/app/index.html web/app/vite.config.ts

app: $(APP)

$(APP): $(APP_SOURCES)
	@if ! command -v npm >/dev/null; then echo "no npm: the build will have no app"; exit 0; fi; \
	cd web; \
	if ! test node_modules/.package-lock.json -nt package-lock.json; then \
		npm ci --no-audit --no-fund --loglevel=error --fetch-retries=0 --fetch-timeout=20000 || \
		{ echo "npm could not fetch what the app is built with: the build will have no app"; exit 0; }; \
	fi; \
	npm run build --silent --workspace=app
