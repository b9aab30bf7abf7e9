# The two commands of the README: `make run` and `make test`. Both set everything up on a bare machine
# (Python 3.11 or newer with pip; nothing else is expected).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# More BLAS threads than cores make small matrices slower, and two cores are what we promise.
export OMP_NUM_THREADS ?= 2
# The tests of one file stay together: they share what they have made.
SPREAD := -n auto --maxprocesses 4 --dist loadfile

.PHONY: help run test check-long lint format wheel clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/gobelin: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[media]'
	@touch $(BIN)/gobelin

$(VENV)/.dev: $(BIN)/gobelin pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(BIN)/gobelin ## draw the demo shop, encode, fit, evaluate, report, recommend
	rm -rf demo-shop runs/demo
	$(BIN)/gobelin demo demo-shop
	$(BIN)/gobelin run demo-shop --out runs/demo --split random
	$(BIN)/gobelin recommend runs/demo --text "something warm for the winter" -k 5
	@echo "The report: runs/demo/report.html"

test: $(VENV)/.dev ## lint, types, layers, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -m "not long" $(SPREAD)

check-long: $(VENV)/.dev ## what takes longer than `make test` may
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -m "long or not long" --hypothesis-profile=long $(SPREAD)

lint: $(VENV)/.dev
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/mypy && $(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

wheel: $(VENV)/.dev ## dist/gobelin-*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist runs demo-shop .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
