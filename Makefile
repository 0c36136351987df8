# `make crawl` does the main job, `make test` passes the tests. Both first install what they need into .venv, from hashed pins;
# the installation resolves nothing, so a release that comes out tomorrow cannot break it.
PYTHON ?= python3
BIN := .venv/bin
RUN := .venv/.installed-run
DEVELOP := .venv/.installed-develop
# --no-deps: the pins are the whole set (tests/test_pins.py). --only-binary: a source package would resolve what builds it.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: crawl demo test unit coverage torture check checks container quality short newest screenshots bench docs lint types imports install constraints clean help
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "newsdesk needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(RUN): constraints/run.txt pyproject.toml | .venv/bin/python
	$(PIP) --only-binary :all: --require-hashes -r constraints/run.txt
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(DEVELOP): constraints/develop.txt pyproject.toml | .venv/bin/python
	$(PIP) --only-binary :all: --require-hashes -r constraints/develop.txt
	$(PIP) --no-build-isolation --editable .
	@touch $(RUN) $@

install: $(RUN)  ## what running needs, pinned, and newsdesk itself, in .venv

crawl: $(RUN)  ## one pass over the default sources, the newest articles of each, into news.db
	$(BIN)/newsdesk crawl --limit 3

demo: $(RUN)  ## a bundled local news site, crawled twice in seconds, no network
	$(BIN)/newsdesk demo

test: $(DEVELOP)  ## the tests
	$(BIN)/python -m pytest -q

unit: $(DEVELOP)  ## the tests that start no process and no server, in less than a minute
	$(BIN)/python -m pytest -q -m unit

coverage: $(DEVELOP)  ## lines and branches that the unit tests run, against the floors of tests/coverage.toml
	$(BIN)/python -m pytest -q -m unit --ignore=tests/storage --cov --cov-branch --cov-report=json:.coverage.json --cov-report=
	$(BIN)/python -m tests.coverage_floors .coverage.json

TIME ?= 120
SEED ?= $(shell date +%s)

torture: $(DEVELOP)  ## the long hostile and fault tests, TIME seconds of fuzzing each, with SEED
	NEWSDESK_TORTURE=$(TIME) NEWSDESK_SEED=$(SEED) $(BIN)/python -m pytest -q --timeout 1800 tests/hostile tests/faults

lint: $(DEVELOP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEVELOP)
	$(BIN)/mypy

imports: $(DEVELOP)
	$(BIN)/lint-imports

quality: $(DEVELOP)  ## how right the records are, against pinned floors (needs the corpus, NEWSDESK_CORPUS)
	$(BIN)/python -m benchmarks.quality

short: $(DEVELOP)  ## a small crawl: the ratios to a naive one, and a failure for a lost article, a request too many, or memory; never for time
	$(BIN)/python -m benchmarks.crawl --short

screenshots: $(DEVELOP)  ## redraw the pictures of docs/images from the demo (needs a Chromium)
	$(BIN)/python -m tests.outputs.screenshots

bench: $(DEVELOP)  ## a crawl beside a naive one and the reference bound: wall, CPU, memory, text (two free cores, three minutes)
	$(BIN)/python -m benchmarks.crawl

docs: .venv-docs/.installed $(DEVELOP)  ## the documentation site, into site/; a warning is an error
	$(BIN)/python -m tests.cli_reference
	.venv-docs/bin/zensical build --clean --strict --config-file mkdocs.yml

.venv-docs/.installed: constraints/docs.txt
	$(PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r constraints/docs.txt
	@touch $@

check: test checks  ## what CI runs

container: $(DEVELOP)  ## the steps of deploy/Containerfile, into a folder: installs the pinned set once more
	NEWSDESK_INSTALL=1 $(BIN)/python -m pytest -q -n 0 tests/test_package.py -k containers_steps

checks: types coverage lint imports quality container short  ## the part of `make check` that is not `make test`

newest:  ## the tests against the newest releases that pyproject.toml allows, in .venv-newest; resolves anew, so it may fail
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --group dev --editable .
	.venv-newest/bin/python -m pip list --outdated --disable-pip-version-check
	.venv-newest/bin/python -m pytest -q

constraints:  ## resolve pyproject.toml into constraints/, keeping the pins that still fit; UPGRADE=--upgrade takes newer ones (needs uv)
	for set in build:run dev:develop "build --extra postgres:postgres"; do uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras $(UPGRADE) \
		--no-emit-index-url --no-annotate --no-header --group $${set%%:*} --output-file "constraints/$${set##*:}.txt" pyproject.toml >/dev/null || exit 1; done
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras $(UPGRADE) \
		--no-emit-index-url --no-annotate --no-header --group docs --output-file constraints/docs.txt >/dev/null

clean:
	rm -rf .venv .venv-newest .venv-docs site build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
