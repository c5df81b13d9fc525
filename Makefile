# Everything a user does with groundplan goes through make; `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
REGION ?= demo
WORKERS ?=
TORCH_BACKEND ?=
CHIPS ?= .train
DATA ?= ../shared/data

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := $(VENV)/.peers
DEMO := regions/demo/truth.geojson
RUN_FLAGS := $(if $(WORKERS),--workers $(WORKERS))
# Paths of the region files, the demo's last: it has to be rendered first.
REGIONS := $(filter-out regions/demo.toml,$(wildcard regions/*.toml))

.PHONY: help setup run all test fuzz lint format chips train evaluate fit pictures bench docs lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv with everything (TORCH_BACKEND=cpu for the small CPU build of torch)

# uv resolves and unpacks the whole stack in under a minute; pip would take several.
$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "groundplan needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
	  $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) \
	  $(if $(TORCH_BACKEND),--requirement pyproject.toml --extra dev,--requirement requirements.lock)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

run: $(READY)  ## run regions/REGION.toml (default: the demo region, rendered first)
ifeq ($(REGION),demo)
	@$(MAKE) --no-print-directory $(DEMO)
endif
	$(BIN)/groundplan run regions/$(REGION).toml $(RUN_FLAGS)

# Drawn anew when what draws it is newer: the figures of another scene say nothing of this version.
$(DEMO): $(wildcard training/render_*.py training/demo*.py) | $(READY)
	$(BIN)/groundplan demo --out regions/demo
	@touch $@

all: $(READY)  ## run every region in regions/
	@$(MAKE) --no-print-directory run REGION=demo
	@set -e; for file in $(REGIONS); do $(BIN)/groundplan run $$file $(RUN_FLAGS); done

test: $(READY)  ## run the tests (offline, under 10 minutes)
	$(BIN)/python -m pytest

fuzz: $(READY)  ## run the commands on 10,000 mutated inputs and the whole matrix of rasters
	GROUNDPLAN_FUZZ=10000 GROUNDPLAN_MATRIX=whole $(BIN)/python -m pytest tests/pipeline/test_fuzz.py tests/tiling/test_pixel_matrix.py

lint: $(READY)  ## check style, types and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

chips: $(READY)  ## prepare training chips from DATA into CHIPS
	$(BIN)/python -m training.prepare --data $(DATA) --out $(CHIPS)

train: $(READY) chips  ## train the shipped weights again
	$(BIN)/groundplan train training/default.toml

evaluate: $(READY) chips  ## print the table of figures to reach, from the shipped weights (ROWS="fields banepa" for some)
	$(BIN)/python -m pipeline.figures --data $(DATA) --chips $(CHIPS) $(if $(ROWS),--rows $(ROWS))

fit: $(READY) chips  ## fit the scores of buildings on whole places (WEIGHTS=mine.safetensors OUT=fitted.safetensors)
	@test -n "$(WEIGHTS)" -a -n "$(OUT)" || \
	  { echo "say whose scores and where to: make fit WEIGHTS=mine.safetensors OUT=fitted.safetensors" >&2; exit 1; }
	$(BIN)/python -m pipeline.fit_scores --data $(DATA) --chips $(CHIPS) --weights $(WEIGHTS) --out $(OUT)

pictures: $(READY) chips  ## draw the pictures of docs/ again, from the shipped weights
	$(BIN)/python -m pipeline.pictures --data $(DATA) --chips $(CHIPS)

# Whatever is installed keeps its version: the peers are measured in the same torch.
$(PEERS): benchmarks/requirements.txt | $(READY)
	$(BIN)/uv pip freeze --python $(BIN)/python --exclude-editable > $(VENV)/installed.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(VENV)/installed.txt --requirement benchmarks/requirements.txt
	@touch $@

bench: $(READY) $(PEERS)  ## run the benchmarks and print what was asked for and reached (FULL=1: as large as asked for, hours; ROWS="resume engine" for some)
	PYTHONPATH=. $(BIN)/python benchmarks/all_rows.py $(ROWS) $(if $(FULL),--full)

docs: $(READY)  ## check that the examples in the documentation of the code run
	$(BIN)/python -m pytest --quiet --doctest-modules groundplan tiling postprocess osm review training

lock: $(READY)  ## pin the newest versions of everything in requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-emit-index-url \
	  --no-header --no-annotate --output-file requirements.lock pyproject.toml

clean:  ## remove what the targets made, but not results in runs/
	rm -rf $(VENV) build dist *.egg-info regions/demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
