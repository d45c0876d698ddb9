# The two commands: `make run` does the main job, `make test` proves it. Both set everything up first.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter found that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then echo $$p; break; fi; done)
PIP_QUIET := --quiet --disable-pip-version-check --no-input

.PHONY: salesforce-demo help setup run test test-fast check bench eval-search eval-redaction soak weaviate clean screenshots

help: ## What there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

setup: $(VENV)/.ready ## Everything that is needed, in .venv

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "everycase needs Python 3.11, 3.12 or 3.13 on the PATH (or PYTHON=/path/to/python3.12 make setup)." >&2; exit 2; }
	@echo "setting up $(VENV) (a minute, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "this Python has no venv module: install it (Debian: python3-venv)." >&2; exit 2; }
	@$(BIN)/python -m pip install $(PIP_QUIET) --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install $(PIP_QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## The main job: sync, then reconcile, on the embedded default
	@$(BIN)/everycase run

test: setup check ## Lint, types, layers, tests
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-fast: setup ## The tests without the slow ones
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "not slow"

check: setup
	@$(BIN)/ruff check --quiet src tests benchmarks
	@$(BIN)/ruff format --check --quiet src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

eval-search: setup ## How well searches find, beside BM25; writes the figures into docs/search.md
	@$(BIN)/python -m benchmarks.search_eval

bench: setup ## The benchmarks, as tables
	@$(BIN)/python -m benchmarks

eval-redaction: setup ## Figures of redaction, into docs/redaction.md
	@$(BIN)/python -m benchmarks.redaction_eval

SEEDS ?= 200
soak: setup ## Break a world by seed, kill processes, heal, judge: SEEDS=200 FROM=1
	@$(BIN)/python -m tests.soak --seeds $(SEEDS) --from $(or $(FROM),1)

salesforce-demo: setup ## A Salesforce organisation on loopback that changes while one watches, without an account
	@$(BIN)/python -m tests.support.salesforce $(ARGS)

# The server of the tests, built from its source by the ordinary Go client: four minutes, once.
WEAVIATE_VERSION := v1.39.0
weaviate: .tools/weaviate-server ## A Weaviate server for the tests, in .tools (needs Go)

.tools/weaviate-server:
	@command -v go >/dev/null || { echo "building Weaviate needs Go on the PATH; or put a weaviate-server there, or set EVERYCASE_TEST_WEAVIATE_URL." >&2; exit 2; }
	@echo "building weaviate-server $(WEAVIATE_VERSION) (four minutes, once)"
	@mkdir -p .tools
	@GOBIN="$(CURDIR)/.tools" CGO_ENABLED=0 go install -tags netgo -ldflags '-s -w' github.com/weaviate/weaviate/cmd/weaviate-server@$(WEAVIATE_VERSION)

clean: ## Remove what setup and tests made (not your data in .everycase)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

screenshots: setup ## Pictures of each page, into docs/pictures (needs Chromium)
	@$(BIN)/python -m tests.web.screenshots
