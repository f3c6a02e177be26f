# Every target sets up what it needs: Python 3.11 or newer, git and make are enough.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo ui screenshots test test-agents check bench soak clean format
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.autoresearch
# Workers for the tests; one test in ten starts processes of its own.
WORKERS ?= 2
ARGS ?=
# Programs from the npm registry that tests run, by the folders of tests/npm; the biggest ones only for `make test-agents`.
NPM := browser claude-code gemini mcp
NPM_AGENTS := claude-code codex gemini opencode
npm_ready = $(foreach name,$(1),$(VENV)/npm/$(name)/.ready)
# The dashboard as it is built; what it is built from.
UI := autoresearch/_ui/index.html
UI_SOURCES := $(shell find autoresearch/web -type f -not -path '*/node_modules/*') hatch_build.py
BENCHMARKS := $(sort $(wildcard benchmarks/*.py))

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: $(READY)  ## a real research campaign, about 90 seconds; ARGS="--seed 1" to vary it
	@$(BIN)/autoresearch demo $(ARGS)

ui: $(READY) $(UI)  ## build the dashboard, when a source of it changed

screenshots: $(READY) $(UI) $(call npm_ready,browser)  ## photograph the dashboard for the README
	@$(BIN)/python -m tests.web.screenshots

test: $(READY) $(UI) $(call npm_ready,$(NPM))  ## every test, the built wheel and the documentation included
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not every_agent" $(ARGS)

test-agents: $(READY) $(call npm_ready,$(NPM_AGENTS))  ## whole campaigns with the real coding agents, no key needed
	@$(BIN)/python -m pytest -q tests/agents $(ARGS)

check: $(READY)  ## format, lint, types, layers, links in the documentation
	@$(BIN)/ruff format --check --quiet . || { echo 'Run "make format".' >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python hatch_build.py check
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/house/test_links.py

format: $(READY)  ## bring the sources into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

bench: $(READY)  ## the figures of docs/benchmarks.md
	@set -e; for file in $(BENCHMARKS); do printf '\n%s\n' "$$file"; $(BIN)/python "$$file"; done

soak: $(READY)  ## the tests that run a sample by default, in full
	@AUTORESEARCH_SOAK=1 $(BIN)/python -m pytest -q -n $(WORKERS) -m soak --timeout 7200 $(ARGS)

clean:  ## remove what was built or set up here
	@rm -rf $(VENV) autoresearch/_ui autoresearch/web/node_modules build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/npm/%/.ready: tests/npm/%/package.json tests/npm/%/package-lock.json tools/npm.sh | $(READY)
	@tools/npm.sh $(VENV) $*

$(UI): $(UI_SOURCES) | $(READY)
	@$(BIN)/python hatch_build.py && touch $@

$(READY): pyproject.toml constraints.txt tools/setup.sh
	@tools/setup.sh $(VENV)
