# make table1   sets up and makes ActionBytes Table 1 from rendered videos
# make quick    sets up and runs the unit tests: two minutes on two cores
# make test     sets up and runs all tests
# make check    lint, format and types
# make fuzz     broken input to every reader and command for SECONDS (600)
# make ... VENV=/path    keeps the environment elsewhere
# make dry      plans the workflow, runs nothing

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
SECONDS ?= 600
SEED ?= 0
VENV ?= .venv
BIN := $(VENV)/bin
RUN := PATH="$(if $(filter /%,$(VENV)),,$(CURDIR)/)$(BIN):$$PATH"

# Snakemake does not quote its Python where it starts jobs
ifneq ($(words $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))),1)
$(error This folder's path has a blank: put the environment elsewhere, for example make VENV=/tmp/actionbytes table1)
endif

.PHONY: table1 quick test check fuzz dry setup clean

table1: setup
	$(RUN) $(BIN)/snakemake results/table1_what2when.csv --cores $(CORES)
	@cat results/table1_what2when.md

quick: setup
	$(RUN) $(BIN)/pytest -n $(CORES) --dist loadfile --no-loadscope-reorder -m "not workflow and not slow"

test: setup
	$(RUN) $(BIN)/pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy

fuzz: setup
	$(RUN) $(BIN)/python benchmarks/fuzz.py --seconds $(SECONDS) --seed $(SEED)

dry: setup
	$(RUN) $(BIN)/snakemake --dry-run --quiet all --cores 1 all

setup: $(VENV)/installed

# torch first and exactly: a plain range would draw a build with gigabytes of CUDA packages
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[workflow,dev]'
	touch $@

clean:
	rm -rf $(VENV) .snakemake .pytest_cache .ruff_cache .mypy_cache
