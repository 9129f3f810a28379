# chatd: `make run` starts a server, `make test` checks everything. Nothing else is needed but
# Python 3.11 or newer with its venv module; all else goes into .venv, from the lock files.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
UV ?= uv
WORKERS ?= auto
COMPILED := build/compiled
COMPILED_TESTS := tests/chat tests/dialogs tests/protocol tests/server
LOCK := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --quiet

.PHONY: help run test check format compiled test-compiled bench docs lock clean setup

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: $(VENV)/ready ## start the server (ARGS='--listen 0.0.0.0:4040' gives it arguments)
	@exec $(BIN)/chatd run $(ARGS)

test: check ## run all checks and tests (TESTS=tests/protocol runs some)
	$(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

check: $(VENV)/ready-dev ## run what needs no test: style, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/ready-dev ## put the code into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

compiled: $(COMPILED)/ready ## compile the hot modules, in build/compiled (needs a C compiler)

test-compiled: compiled ## run the tests of what was compiled
	cd $(COMPILED) && $(abspath $(BIN))/python -m pytest -n $(WORKERS) $(COMPILED_TESTS)

bench: $(VENV)/ready-dev ## measure this machine, and write bench/RESULTS.md (see bench/README.md)
	@$(BIN)/python -m bench --anew $(ARGS)

docs: $(VENV)/ready-dev ## write the tables of protocol.md anew from the declarations
	$(BIN)/python -m tests.protocol.tables

lock: ## write the lock files anew (needs uv; LOCK_FLAGS=--upgrade takes newer versions)
	$(LOCK) $(LOCK_FLAGS) --group pyproject.toml:build --extra dev -o requirements-dev.lock
	$(LOCK) --group pyproject.toml:build -c requirements-dev.lock -o requirements.lock

setup: $(VENV)/ready-dev ## make .venv with everything for development

clean: ## remove what was made here; the server's data lives elsewhere and stays
	rm -rf $(VENV) build bench/build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: a virtual environment, then the locked packages, then the project itself.

$(VENV)/made:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "chatd needs Python 3.11 or newer: install it (Debian: apt install python3 python3-venv)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "chatd needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1): try 'make PYTHON=python3.11 …'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing: install it (Debian: apt install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/ready: requirements.lock pyproject.toml | $(VENV)/made
	@echo "Installing what chatd needs into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The hot modules compiled beside their sources, in a copy of ours.
$(COMPILED)/ready: setup.py pyproject.toml $(shell find chatd chatctl tests -name '*.py') | $(VENV)/ready-dev
	@rm -rf $(COMPILED) && mkdir -p $(COMPILED)
	@cp -r chatd chatctl tests setup.py pyproject.toml README.md LICENSE protocol.md $(COMPILED)
	cd $(COMPILED) && CHATD_COMPILE=1 $(abspath $(BIN))/python setup.py --quiet build_ext --inplace
	@touch $@

$(VENV)/ready-dev: requirements-dev.lock pyproject.toml | $(VENV)/made
	@echo "Installing what chatd and its tests need into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/ready
