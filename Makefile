# Two commands: `make quickstart` sets everything up and runs the main job, `make test` sets everything up and tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Three files of tests at a time: real campaigns, which are begun first, wait half of their time; every further worker
# costs the seconds that it takes to import and collect.
BESIDE := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: quickstart test test-thorough test-all test-ray check docs site format bench clean

quickstart: $(VENV)/.installed
	$(BIN)/aging env create llama-cpp
	$(BIN)/aging run campaigns/quickstart.toml

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(BESIDE)

# What `make test` leaves out and CI runs: more cases of what it shows, and five times the examples of its properties.
test-thorough: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(BESIDE) -m "(thorough or hypothesis) and not (slow or gpu or browser or ray)"

# Also the slow tests, those on raylets and, where there is one, those that need a GPU.
test-all: $(VENV)/.installed-ray
	$(BIN)/aging env create llama-cpp
	$(BIN)/python -m pytest -m "slow or browser or not (slow or browser)"

# Studies on real raylets of this machine.
test-ray: $(VENV)/.installed-ray
	$(BIN)/python -m pytest -n 0 -m "ray and not slow" tests/cluster tests/study

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(BESIDE)

# The pages and schemas that are made from the code; tests compare them with the committed ones.
docs: $(VENV)/.installed-dev
	$(BIN)/python -m tools

# The documentation site, into docs/_build/html; any warning fails it. It needs no network once it is installed.
site: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going -n -E -b html docs docs/_build/html

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m analysis.benchmarks

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "aging needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt aging/stats/slope/_reordering.c
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[campaign]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt aging/stats/slope/_reordering.c
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-ray: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) docs/_build docs/project build *.egg-info .mypy_cache .ruff_cache .pytest_cache
