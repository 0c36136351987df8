# `make crawl` does the main job, `make test` passes the tests; both install what they need into .venv first.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: crawl demo test torture check quality short screenshots bench lint types imports install constraints clean help
.DEFAULT_GOAL := help

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "newsdesk needs Python 3.11 or newer; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(STAMP)  ## the pinned dependencies and newsdesk itself, in .venv

crawl: $(STAMP)  ## one pass over the default sources, the newest articles of each, into news.db
	$(BIN)/newsdesk crawl --limit 3

demo: $(STAMP)  ## a bundled news web, crawled twice in seconds, no network
	$(BIN)/newsdesk demo

test: $(STAMP)  ## the tests
	$(BIN)/python -m pytest -q

TIME ?= 120
SEED ?= $(shell date +%s)

torture: $(STAMP)  ## the long hostile and fault tests, TIME seconds of fuzzing each, with SEED
	NEWSDESK_TORTURE=$(TIME) NEWSDESK_SEED=$(SEED) $(BIN)/python -m pytest -q --timeout 1800 tests/hostile tests/faults

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

quality: $(STAMP)  ## how right the records are, against pinned floors (needs the corpus, NEWSDESK_CORPUS)
	$(BIN)/python -m benchmarks.quality

short: $(STAMP)  ## a small crawl that fails on a lost article, a request too many, or memory; never on time
	$(BIN)/python -m benchmarks.crawl --short

screenshots: $(STAMP)  ## the pictures of docs/images drawn anew from the demo's news (needs a Chromium)
	$(BIN)/python -m tests.outputs.screenshots

bench: $(STAMP)  ## a crawl beside a naive one and the reference bound: wall, CPU, memory, text (two free cores, three minutes)
	$(BIN)/python -m benchmarks.crawl

check: lint types imports test quality short  ## what CI runs: lint, types, import rules, tests, quality, a small crawl

constraints:  ## resolve pyproject.toml anew into constraints.txt (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --group dev --no-emit-index-url --no-annotate --no-header \
		--output-file constraints.txt pyproject.toml

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
