# Two commands: `make run` and `make test`. Both make the environment first; `make ui` opens the web UI.

# The Python to make the environment with, for example python3.12; without it any supported one will do.
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One thread per test process: two workers on two cores, and the same bits everywhere.
TEST_ENV := POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1

.PHONY: run test test-slow test-all ui lint types format lock advisories clean always

run: $(STAMP)
	$(BIN)/alpha run --source simulated

test: $(STAMP)
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not real_bars"

# Three at once on two cores: those that run a web UI and its daemon wait for half of their time.
test-slow: $(STAMP)
	$(TEST_ENV) $(BIN)/python -m pytest -n 3 --dist load --maxschedchunk 1 -m "slow or real_bars"

test-all: test test-slow

ui: $(STAMP)
	$(BIN)/alpha ui

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What is locked stays where pyproject.toml allows it; `make lock UPGRADE=--upgrade` takes the newest of everything.
lock: $(STAMP)
	$(BIN)/uv pip compile pyproject.toml --extra dev --constraints constraints.txt --no-emit-package torch \
		--universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --output-file requirements.lock --quiet $(UPGRADE)

advisories: $(STAMP)
	$(BIN)/python .ci/advisories.py $(BIN)/uvx

# Read by Dagster's own commands in this folder, some of which insist on a home. One that is there is left alone.
.env:
	@echo 'DAGSTER_HOME="$${DAGSTER_HOME:-$(CURDIR)}"' > $@

# Looked at by every command: an environment may have come apart since it was made.
$(STAMP): always | .env
	@sh environment.sh "$(VENV)" "$(PYTHON)"

clean:
	rm -rf "$(VENV)" .mypy_cache .ruff_cache .pytest_cache
