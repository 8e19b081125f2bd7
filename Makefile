# Two commands: `make run` and `make test`. Both make the environment first; `make ui` opens the web UI.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One thread per test process: two workers on two cores, and the same bits everywhere.
TEST_ENV := POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1

.PHONY: run test test-slow test-all ui lint types format clean

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

# Read by Dagster's own commands in this folder, some of which insist on a home. One that is there is left alone.
.env:
	echo 'DAGSTER_HOME="$${DAGSTER_HOME:-$(CURDIR)}"' > $@

$(STAMP): pyproject.toml constraints.txt | .env
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 run"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar off -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
