# The commands of this project. `make test` is the one that must pass; it installs what it needs and says so.

FUZZ_SECONDS ?= 20
CARGO ?= cargo

.PHONY: help demo run test check conformance acceptance bench fuzz dev dist setup

help:
	@echo "make demo         build and start Lingshao watching this machine"
	@echo "make test         everything: format, lints, tests, crash states, kills, fuzz"
	@echo "make check        format and lints only"
	@echo "make conformance  Prometheus' own test language, a line per file"
	@echo "make acceptance   Alertmanager's own acceptance tests, a line per test"
	@echo "make bench        benchmarks (prints figures, asserts nothing)"
	@echo "make fuzz         FUZZ_SECONDS=$(FUZZ_SECONDS) of every fuzz target"
	@echo "make dev          rebuild and restart on every change (needs cargo-watch)"
	@echo "make dist         the binary that a shop installs, in target/dist/"

setup:
	@sh scripts/setup.sh

demo: setup
	$(CARGO) run --release -p lingshao -- run --data lingshao-demo

check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --profile ci -- -D warnings

test: check
	$(CARGO) test --workspace --profile ci
	sh crates/wire/tests/vendor_sdks/check.sh
	sh tests/alertmanager/run.sh $${CARGO_TARGET_DIR:-target}/ci/lingshao
	sh fuzz/run.sh $(FUZZ_SECONDS)
	@echo "all checks passed"

conformance: setup
	$(CARGO) test -p lingshao-promql --profile ci --test promqltest

acceptance: setup
	$(CARGO) build --profile ci -p lingshao
	sh tests/alertmanager/run.sh $${CARGO_TARGET_DIR:-target}/ci/lingshao

bench: setup
	$(CARGO) bench --workspace

fuzz: setup
	sh fuzz/run.sh $(FUZZ_SECONDS)

dev: setup
	$(CARGO) watch -x 'run -p lingshao -- run --data lingshao-demo'

dist: setup
	$(CARGO) build --profile dist -p lingshao
	@ls -l target/dist/lingshao
