# make search                 find a classifier on the built-in synthetic sample
# make search DATA=DIR        the same on the Br35H images in DIR
# make test                   lint, type-check and run the tests
# make faults                 kill and break searches at many moments (an hour)
# make all-tests              every test, also the slow ones and those on real data

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TASK ?= br35h
TIME ?= $(if $(DATA),8m,4m)
TRIALS ?= $(if $(DATA),40,12)
OUT ?=
ARGS ?=

.PHONY: search test faults all-tests lint install clean
.DEFAULT_GOAL := search

# Installed anew whenever what is to be installed changes; never half done.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[tensorflow-cpu,dev]"
	touch $@

install: $(VENV)/.installed

search: install
	$(BIN)/automedimg search --task $(TASK) $(if $(DATA),--data "$(DATA)",--sample) --time $(TIME) --trials $(TRIALS) $(if $(OUT),--out "$(OUT)") $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

faults: install
	$(BIN)/python -m pytest tests/faults -m "faults or not faults"

all-tests: lint
	$(BIN)/python -m pytest -m "slow or realdata or faults or not gpu"

clean:
	rm -rf $(VENV) runs
