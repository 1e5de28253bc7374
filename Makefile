# Every target sets itself up: it needs Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= config.json
export DAGSTER_HOME ?= $(CURDIR)

.PHONY: setup demo test test-cluster test-ray test-ops test-models check run dev bench bench-clean bench-style bench-placements bench-gpu bench-gates bench-scale schema pins clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    make sample ads and run the whole chain on them (no GPU, key or network needed)"
	@echo "make run     the ads of $(CONFIG)          make dev    the Dagster UI on http://127.0.0.1:3000"
	@echo "make test    the tests                     make check  style, import floors, types, definitions"
	@echo "make test-cluster  the steps on a cluster or its stand-in      make test-ray  on a local Ray"
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

# The cluster suite has an environment of its own; uv fills it, pip where uv can't.
.venv-cluster/.ready .venv-ray/.ready: .venv-%/.ready: requirements-%.txt pyproject.toml
	@echo "setting up .venv-$* (once) ..."
	@test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	@sed -n '/^uv==/,/[^\\]$$/p' $< > .venv-$*/uv.txt
	@.venv-$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv-$*/uv.txt
	@.venv-$*/bin/uv pip install --quiet --python .venv-$*/bin/python --compile-bytecode --require-hashes --no-deps -r $< 2>/dev/null \
	  || .venv-$*/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@.venv-$*/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

CLUSTER_PYTEST = pytest -q --disable-warnings --durations=8 -o python_files='cluster_*.py' adcraft_tests/k8s

# CASES=all runs every scenario, about half an hour on 2 cores.
test-cluster: .venv-cluster/.ready
ifneq ($(CLUSTER_SIM),)
	@.venv-cluster/bin/python -m adcraft_tests.k8s.stand_in.ready
	@.venv-cluster/bin/$(CLUSTER_PYTEST) --ignore adcraft_tests/k8s/cluster_real.py -m '$(if $(filter all,$(CASES)),not ray,not ray and not slow)'
else ifneq ($(KUBECONFIG),)
	@.venv-cluster/bin/$(CLUSTER_PYTEST)/cluster_real.py adcraft_tests/k8s/cluster_job_bodies.py adcraft_tests/k8s/cluster_manifests.py
else
	@echo "test-cluster needs a cluster: KUBECONFIG=<file> for a real one (asks it, makes nothing), or"
	@echo "CLUSTER_SIM=<folder of the stand-in cluster>, as root, with PostgreSQL's server programs installed"
	@exit 2
endif

test-ray: .venv-ray/.ready
	@.venv-ray/bin/$(CLUSTER_PYTEST)/cluster_ray.py -m ray

# The gpu profile on a CPU: true classes, tiny random weights. torch comes unhashed: its builds differ per platform.
$(VENV)/.models: $(VENV)/.ready requirements-models.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-models.txt
	@touch $@

test-models: $(VENV)/.models
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist loadfile -m models --durations=5 adcraft_tests/models

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/basedpyright
	@$(BIN)/adcraft check-definitions

# PostgreSQL and Chromium come from the system (Debian: apt-get install postgresql chromium); tests that lack them say so.
# CASES=all makes the soak seven nights instead of two.
test-ops: setup
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-ops.txt
	@$(if $(filter all,$(CASES)),ADCRAFT_SOAK_NIGHTS=7 )$(BIN)/pytest -q -m ops -p no:xdist --durations=5 adcraft_tests/ops

bench: bench-style

bench-style: setup
	@$(BIN)/python -m adcraft_tests.bench.bench_style

bench-placements: setup
	@$(BIN)/python -m adcraft_tests.bench.bench_placements

bench-scale: setup
	@$(BIN)/python -m adcraft_tests.bench.bench_scale $(SIZES)

bench-clean: setup
	@test -d "$(BENCH_DIR)" || { echo "name a folder of cases (ads/ clean/ truth/): make bench-clean BENCH_DIR=..."; exit 2; }
	@$(BIN)/python -m adcraft_tests.bench.bench_clean $(BENCH_DIR)

bench-gates: setup
	@$(BIN)/python -m adcraft_tests.bench.bench_gates $(or $(STORES),.adcraft/store)

# Needs a CUDA GPU and the extra gpu; see README. One section: make bench-gpu SECTIONS=klein
bench-gpu:
	@$(or $(wildcard $(BIN)/python),$(PYTHON)) -m adcraft_tests.bench.bench_gpu $(SECTIONS)

schema: setup
	@$(BIN)/adcraft schema > config.schema.json

pins:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --extra k8s --extra s3 -c requirements-dev.txt pyproject.toml -o requirements-k8s.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --extra cluster -c requirements-dev.txt -c requirements-k8s.txt pyproject.toml -o requirements-cluster.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --extra cluster --extra ray -c requirements-cluster.txt pyproject.toml -o requirements-ray.txt

clean:
	rm -rf .adcraft results build *.egg-info
