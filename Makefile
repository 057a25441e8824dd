# The front door. `make demo` and `make test` set up what they need in a fresh clone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
REFERENCES := transformers

.PHONY: demo test test-parity lint types references clean

demo: $(VENV)/.headway  ## fetch the encoder, climb the ladder on a small real set
	$(BIN)/headway zoo fetch minilm
	rm -rf demo-run
	$(BIN)/headway fit examples/banking_cards.csv --out demo-run --fetch

test: $(VENV)/.develop  ## every test; parity with the originals last
	$(BIN)/headway zoo fetch minilm --quiet || echo "tests that need MiniLM will be skipped"
	$(BIN)/python -m pytest
	$(MAKE) test-parity

test-parity: $(VENV)/.references  ## our models against their originals
	$(BIN)/python -m pytest tests/parity

lint: $(VENV)/.develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.develop
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo-run .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Headway needs Python 3.11 or newer; set one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.headway: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Headway and what it needs (torch is the largest, about 200 MB)"
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.develop: $(VENV)/.headway
	$(INSTALL) pytest hypothesis ruff mypy import-linter
	@touch $@

$(VENV)/.references: $(VENV)/.develop
	$(INSTALL) $(REFERENCES)
	@touch $@
