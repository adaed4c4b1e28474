# On a fresh machine two commands do everything: `make demo` and `make test`. `make help` lists the rest.
#
#   PYTHON  the interpreter that makes the environment        make test PYTHON=python3.12
#   VENV    the environment's folder; an existing one is used  make test VENV=/path/to/env
#   ARGS    passed on to pytest or to the benchmark            make test ARGS="-k glcm -x"
#   AGAINST the commit that `make bench` compares with         make bench AGAINST=6432221

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

PY := $(VENV)/bin/python
VOXOMICS := $(VENV)/bin/voxomics
CORE := $(VENV)/.voxomics-core
STUDY := $(VENV)/.voxomics-study
DEV := $(VENV)/.voxomics-dev
GPU := $(VENV)/.voxomics-gpu
DEV_EXTRAS := dev,study,filters
GPU_EXTRAS := $(DEV_EXTRAS),cuda-compile
PACKAGING := pyproject.toml setup.py python/voxomics/_version.py
RECENT := import sys; sys.exit(sys.version_info < (3, 10))
DEMO := demo-out

.DEFAULT_GOAL := help

# A file's tests share what is made once a module, so they stay in one process.
CORES := -n auto --dist loadfile
KERNEL_TESTS := tests/kernels tests/engine/test_batch.py tests/engine/test_resample.py

.PHONY: help demo test bounds cuda cuda-gate study-truth study-null long check bench bench-peers parity bench-gpu env dev clean

help:  ## show this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(STUDY)  ## write a synthetic cohort, extract its features, run the study and write the report
	$(VOXOMICS) phantom $(DEMO) --patients 92 --controls 35 --seed 1
	$(VOXOMICS) extract $(DEMO)/clinical.csv -o $(DEMO)/features.csv --profile lifex
	$(VOXOMICS) study $(DEMO)/study.yaml -o $(DEMO)/report
	@echo "The report: $(CURDIR)/$(DEMO)/report/report.html"

test: $(DEV)  ## run every test, on every core; ARGS="-n 0" runs them in one process
	$(VOXOMICS) warm
	$(PY) -m pytest $(CORES) $(ARGS)

bounds: $(DEV)  ## run the kernel tests with Numba's bounds checks
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(VENV)/.bounds-cache $(PY) -m pytest -q -k "twin or alone or levels" $(KERNEL_TESTS)

cuda: $(GPU)  ## run the GPU kernels on CPU threads, with checks
	LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS=0 $(PY) -m pytest -q tests/cuda $(CORES) $(ARGS)

cuda-gate: $(GPU)  ## compile every GPU kernel and check the report of ptxas
	$(PY) tools/cuda_gate.py $(ARGS)

study-truth: $(DEV)  ## compare 1,500 synthetic patients with the simulated correlations (some minutes)
	VOXOMICS_STUDY_TRUTH=1500 $(PY) -m pytest -q -s tests/phantom/test_cohort.py -k correlations

study-null: $(DEV)  ## check that p-values are uniform in 200 cohorts without association (some minutes)
	$(PY) bench/study_null.py $(ARGS)

long: $(DEV)  ## what takes too long for every change: slow tests, new examples, bounds, the two study checks, scale
	$(PY) bench/long.py $(ARGS)

check: $(DEV)  ## run ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m mypy

bench: $(DEV)  ## time the engine against another commit: make bench AGAINST=v0.1 (by default the last tag)
	$(PY) bench/compare.py $(if $(AGAINST),--against $(AGAINST)) $(ARGS)

bench-peers: $(DEV)  ## time pictologics, PyRadiomics and this checkout in turns: make bench-peers ARGS=--quick
	$(PY) bench/peers.py $(ARGS)

parity: $(DEV)  ## compare profile pyradiomics with real PyRadiomics, value by value; installs it below .bench once
	$(PY) bench/parity.py $(ARGS)

bench-gpu: $(CORE)  ## time a GPU and the CPU; needs a GPU and the extra [cuda]
	$(PY) bench/gpu.py $(ARGS)

env: $(CORE)  ## create the environment with voxomics
dev: $(DEV)  ## create the environment with the development tools

clean:  ## remove built files but keep the environment
	rm -rf build dist $(DEMO) .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage *.egg-info python/*.egg-info
	find engine kernels python tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than the files that decide what is installed, or the environment is brought up to date.
define install
@$(PY) -c '$(RECENT)' || { \
  echo "voxomics needs Python 3.10 or later; the environment $(VENV) has $$($(PY) --version 2>&1)." >&2; \
  echo "Remove it, or name another: make VENV=.venv-new PYTHON=python3.12" >&2; exit 1; }
@echo "Installing $(1) into $(VENV) (the first time this takes a few minutes)"
@$(PY) -m pip install --quiet --disable-pip-version-check -e "$(1)"
endef

$(CORE): $(PACKAGING) | $(PY)
	$(call install,.)
	@touch $@

$(STUDY): $(PACKAGING) | $(PY)
	$(call install,.[study])
	@touch $(CORE) $@

$(DEV): $(PACKAGING) | $(PY)
	$(call install,.[$(DEV_EXTRAS)])
	@touch $(CORE) $(STUDY) $@

$(GPU): $(DEV)
	$(call install,.[$(GPU_EXTRAS)])
	@touch $@

$(PY):
	@$(PYTHON) -c '$(RECENT)' 2>/dev/null || { \
	  echo "voxomics needs Python 3.10 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1)." >&2; \
	  echo "Name one that is: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu it needs the package python3-venv." >&2; \
	  rm -f $(PY); exit 1; }
