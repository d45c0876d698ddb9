# The two commands: `make run` does the main job, `make test` proves it. Both set everything up first.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter found that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then echo $$p; break; fi; done)
PIP_QUIET := --quiet --disable-pip-version-check --no-input

.PHONY: salesforce-demo help setup run test test-fast check bench eval-search eval-redaction soak histories weaviate clean screenshots first-hour fuzz

##@ Use
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.ready ## Install everything that is needed into .venv

$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "everycase needs Python 3.11, 3.12 or 3.13 on the PATH (or PYTHON=/path/to/python3.12 make setup)." >&2; exit 2; }
	@echo "setting up $(VENV) (a minute, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "this Python has no venv module: install it (Debian: python3-venv)." >&2; exit 2; }
	@$(BIN)/python -m pip install $(PIP_QUIET) --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install $(PIP_QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## Sync, then reconcile, on the embedded default
	@$(BIN)/everycase run

##@ Check
test: setup check ## All of check, then all tests
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test-fast: setup ## All tests but the slow ones
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "not slow"

check: setup ## ruff, mypy --strict, import contracts: what runs before each commit
	@$(BIN)/ruff check --quiet src tests benchmarks
	@$(BIN)/ruff format --check --quiet src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

##@ Measure
eval-search: setup ## Measure how well searches find, beside BM25, into docs/search.md
	@$(BIN)/python -m benchmarks.search_eval

bench: setup ## Run the benchmarks, as tables
	@$(BIN)/python -m benchmarks

eval-redaction: setup ## Figures of redaction, into docs/redaction.md
	@$(BIN)/python -m benchmarks.redaction_eval

SEEDS ?= 200
soak: setup ## Break a world by seed, kill processes, heal, judge: SEEDS=200 FROM=1
	@$(BIN)/python -m tests.soak --seeds $(SEEDS) --from $(or $(FROM),1)

histories: setup ## Faults of Salesforce by seed, each history to its end: SEEDS=200 FROM=0
	@EVERYCASE_TEST_HISTORIES=$(SEEDS) EVERYCASE_TEST_HISTORIES_FROM=$(or $(FROM),0) $(BIN)/python -m pytest -q -n0 tests/acceptance/test_salesforce_histories.py

FUZZ_SECONDS ?= 600
fuzz: setup ## Fuzz the readers of exports, then redaction, guided by coverage (needs Atheris): FUZZ_SECONDS=600
	@$(BIN)/python -m tests.fuzz readers --seconds $(FUZZ_SECONDS)
	@$(BIN)/python -m tests.fuzz redaction --seconds $(FUZZ_SECONDS)

##@ Help the tests
salesforce-demo: setup ## Serve a Salesforce organisation on loopback that changes while you watch
	@$(BIN)/python -m tests.support.salesforce $(ARGS)

# The server of the tests, built from its source by the ordinary Go client: four minutes, once.
WEAVIATE_VERSION := v1.39.0
weaviate: .tools/weaviate-server ## Build a Weaviate server for the tests into .tools (needs Go)

.tools/weaviate-server:
	@command -v go >/dev/null || { echo "building Weaviate needs Go on the PATH; or put a weaviate-server there, or set EVERYCASE_TEST_WEAVIATE_URL." >&2; exit 2; }
	@echo "building weaviate-server $(WEAVIATE_VERSION) (four minutes, once)"
	@mkdir -p .tools
	@GOBIN="$(CURDIR)/.tools" CGO_ENABLED=0 go install -tags netgo -ldflags '-s -w' github.com/weaviate/weaviate/cmd/weaviate-server@$(WEAVIATE_VERSION)

first-hour: setup ## Write docs/first-hour.md from a real run
	@$(BIN)/python -m tests.first_hour

clean: ## Remove what setup and tests made (not your data in .everycase)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

screenshots: setup ## Take a picture of each page into docs/pictures (needs Chromium)
	@$(BIN)/python -m tests.web.screenshots
