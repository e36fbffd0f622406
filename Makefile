# The commands of this project. `make test` is the one that must pass; it installs what it needs and says so.

FUZZ_SECONDS ?= 5
CARGO ?= cargo

# A binary without its page is no good here: what keeps it from being built is an error (crates/ui/build).
export LINGSHAO_REQUIRE_UI = 1

.PHONY: help demo run test soak check web web-test web-e2e python-test conformance acceptance log-clients week bench fuzz dev dist deb setup setup-build setup-week

help:
	@echo "make demo         build and start the demo shop, watched by Lingshao"
	@echo "make test         everything: format, lints, tests, crash states, kills, fuzz"
	@echo "make soak         larger models and races of the business monitors (minutes)"
	@echo "make check        format and lints only"
	@echo "make web          install what the page's development needs"
	@echo "make web-test     types and unit tests of the page"
	@echo "make web-e2e      the page in Chromium on the real binary"
	@echo "make python-test  the Python package in FastAPI under uvicorn and gunicorn"
	@echo "make conformance  Prometheus' own test language, a line per file"
	@echo "make acceptance   Alertmanager's own acceptance tests, a line per test"
	@echo "make log-clients  what ships logs, shipping to the real binary"
	@echo "make week         six hours in a FastAPI shop, with all that goes wrong in it (36 minutes)"
	@echo "make bench        benchmarks (prints figures, asserts nothing)"
	@echo "make fuzz         FUZZ_SECONDS=$(FUZZ_SECONDS) of every fuzz target"
	@echo "make dev          rebuild and restart on every change (needs cargo-watch)"
	@echo "make dist         the binary that a shop installs, in target/dist/"
	@echo "make deb          the Debian package of it, in target/deb/ (or of another: make deb BINARY=FILE)"

setup:
	@sh scripts/setup.sh test

setup-build:
	@sh scripts/setup.sh build

setup-week:
	@sh scripts/setup.sh week

demo: setup-build
	$(CARGO) run --release -p lingshao -- demo

check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --profile ci -- -D warnings

# Written by npm when all is there.
WEB_INSTALLED = web/node_modules/.package-lock.json

$(WEB_INSTALLED): web/package-lock.json
	cd web && npm ci --no-audit --no-fund

web: setup-build $(WEB_INSTALLED)

web-test: web part-web

web-e2e: setup $(WEB_INSTALLED)
	$(CARGO) build --profile ci -p lingshao
	$(MAKE) part-e2e

python-test: setup
	sh python/tests/run.sh

# Most tests wait for something, so programs run side by side once all is built. Nothing is built by `-p` here: packages that
# are chosen by name get other features of what they share, and all is built again.
test: check $(WEB_INSTALLED)
	python3 scripts/rust-tests.py --build-only --workspace --profile ci
	$(MAKE) part-rust
	$(MAKE) -j2 --output-sync=target part-e2e part-fuzz part-acceptance part-python part-web part-vendors part-clients
	@echo "all checks passed"

BUILT = $(abspath $(or $(CARGO_TARGET_DIR),target))/ci/lingshao
.PHONY: part-rust part-e2e part-acceptance part-fuzz part-web part-python part-vendors part-clients
part-rust:
	python3 scripts/rust-tests.py --jobs 2 --workspace --profile ci
part-e2e:
	cd web && LINGSHAO_BIN=$(BUILT) npm run e2e
part-acceptance:
	sh tests/alertmanager/run.sh $(BUILT)
part-fuzz:
	nice -n 15 sh fuzz/run.sh $(FUZZ_SECONDS)
part-web:
	cd web && npm run check && npm test
part-python:
	sh python/tests/run.sh
part-vendors:
	sh crates/wire/tests/vendor_sdks/check.sh
part-clients:
	sh tests/log_clients/run.sh $(BUILT) --quiet

# More faults in the model, and 5,000 orders in each race.
soak: setup
	LINGSHAO_SOAK=1 $(CARGO) test -p lingshao-shop --profile ci
	LINGSHAO_SOAK=1 $(CARGO) test -p lingshao --profile ci --test it shop::a_kill

conformance: setup
	$(CARGO) test -p lingshao-promql --profile ci --test promqltest

acceptance: setup
	$(CARGO) build --profile ci -p lingshao
	sh tests/alertmanager/run.sh $${CARGO_TARGET_DIR:-target}/ci/lingshao

log-clients: setup
	$(CARGO) build --profile ci -p lingshao
	sh tests/log_clients/run.sh $${CARGO_TARGET_DIR:-target}/ci/lingshao

# Not part of `make test`: rules wait for minutes. As root it also fills a disk, of its own.
week: setup-week $(WEB_INSTALLED)
	$(CARGO) build --profile ci -p lingshao
	sh examples/fastapi-shop/week/run.sh $(BUILT)

bench: setup
	$(CARGO) bench --workspace

fuzz: setup
	sh fuzz/run.sh $(FUZZ_SECONDS)

# The page is rebuilt by `npm run build -- --watch` in web/, and served with `--ui-dir web/dist`.
dev: setup-build
	LINGSHAO_REQUIRE_UI=0 $(CARGO) watch -x 'run -p lingshao -- run --data lingshao-demo'

dist: setup-build
	$(CARGO) build --profile dist -p lingshao
	@ls -l target/dist/lingshao

ifdef BINARY
deb:
else
BINARY = $(abspath $(or $(CARGO_TARGET_DIR),target))/dist/lingshao
deb: dist
endif
	sh deploy/debian/build.sh $(BINARY) $(or $(CARGO_TARGET_DIR),target)/deb
