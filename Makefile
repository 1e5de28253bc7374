# Every target sets itself up: it needs Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config.json
export DAGSTER_HOME ?= $(CURDIR)

.PHONY: setup demo test check run dev bench bench-clean bench-style bench-gates schema pins clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    make sample ads and run the whole chain on them (no GPU, key or network needed)"
	@echo "make run     the ads of $(CONFIG)          make dev    the Dagster UI on http://127.0.0.1:3000"
	@echo "make test    the tests                     make check  style, import floors, types, definitions"
	@echo "make bench   the benchmarks                make pins   resolve the pinned requirements again"

setup: $(VENV)/.ready

$(VENV)/.ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else 1)' \
	  || { echo "adcraft needs Python 3.11 to 3.13; name one with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@echo "setting up $(VENV) (about a minute, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@echo "  dependencies installed; installing adcraft ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "  ready: $(BIN)/adcraft --help"

demo: setup
	@$(BIN)/adcraft demo

run: setup
	@$(BIN)/adcraft run --config $(CONFIG)

dev: setup
	@$(BIN)/adcraft sync --config $(CONFIG)
	@echo "opening the Dagster UI on http://127.0.0.1:3000 (Ctrl+C ends it)"
	@$(BIN)/dagster dev --workspace workspace.yaml

test: setup
	@$(BIN)/pytest -q -n auto --dist loadfile --durations=10

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/basedpyright
	@$(BIN)/adcraft check-definitions

bench: bench-style

bench-style: setup
	@$(BIN)/python -m adcraft_tests.bench.bench_style

bench-clean: setup
	@test -d "$(BENCH_DIR)" || { echo "name a folder of cases (ads/ clean/ truth/): make bench-clean BENCH_DIR=..."; exit 2; }
	@$(BIN)/python -m adcraft_tests.bench.bench_clean $(BENCH_DIR)

bench-gates: setup
	@$(BIN)/python -m adcraft_tests.bench.bench_gates $(or $(STORES),.adcraft/store)

schema: setup
	@$(BIN)/adcraft schema > config.schema.json

pins:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:
	rm -rf .adcraft results build *.egg-info
