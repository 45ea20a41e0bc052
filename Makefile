# Two commands: `make book` and `make test`. Each sets up what it needs in .venv and does nothing twice.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := $(VENV)/.peers
# `make test CONSTRAINTS=` in a fresh clone takes the newest versions that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
PIP_INSTALL := $(BIN)/python -m pip install --quiet $(CONSTRAINTS:%=--constraint %)

.PHONY: book notebooks pdf verify test check benchmark clean help

help:
	@echo "make book       build the book into _build/html, executing every chapter that is not up to date"
	@echo "make notebooks  write each chapter as a notebook into _build/notebooks"
	@echo "make pdf        print the book into _build/pdf/book.pdf; needs Chromium"
	@echo "make verify     execute every chapter afresh and compare with the last build's numbers"
	@echo "make test       run all tests"
	@echo "make check      linters and types"
	@echo "make benchmark  compare lib with its peers, as ratios of times"
	@echo "make clean      remove the build and the environment"

book: $(READY)
	@$(BIN)/jupyter-book build .
	@echo "Open file://$(CURDIR)/_build/html/index.html"

# With ARGS="--repository ADDRESS" the notebooks install the library from there.
notebooks: $(READY)
	@PYTHONPATH=book/_extensions $(BIN)/python -m executable_book.notebooks $(ARGS)

pdf: book
	@PYTHONPATH=book/_extensions $(BIN)/python -m executable_book.pdf $(ARGS)

# With ARGS="--against ADDRESS/numbers.json" it compares with the build that is published there.
verify: $(READY)
	@PYTHONPATH=book/_extensions $(BIN)/python -m executable_book.verify $(ARGS)

test: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

# With ARGS=--quick each takes seconds and shows that its results are right; with ARGS=--record the
# book's page of benchmarks gets the full run.
benchmark: $(PEERS)
	@for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file $(ARGS) || exit 1; done

# The environment is made again when what it is made from changes; a broken one never counts as ready.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or later is needed, and $(PYTHON) is {v.major}.{v.minor}: make PYTHON=python3.12")'
	@rm -f $(READY)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) $(if $(CONSTRAINTS),what $(CONSTRAINTS) pins,the newest versions) (once; a few minutes)"
	@$(PIP_INSTALL) torch
	@$(PIP_INSTALL) --editable ".[book,pdf,test]"
	@touch $(READY)

$(PEERS): $(READY)
	@$(PIP_INSTALL) --editable ".[benchmark]"
	@touch $(PEERS)

clean:
	rm -rf _build $(VENV) build *.egg-info
