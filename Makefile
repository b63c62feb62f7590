# Every target does its own set-up in .venv; nothing is installed by hand.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3.14 python3,$(if $(shell command -v $(p)),$(p))))
VENV := .venv
RUN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test check format lock clean

help:
	@echo "make demo    840,000 people, 20,000 live terminals, one call-down, every answer counted"
	@echo "make test    the whole suite, under ten minutes on two cores"
	@echo "make check   format, lint, strict types, house rules"

setup: $(READY)

# Debian ships Python without ensurepip; then pip comes from a running pip or from Debian's packages.
$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed, and none was found."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; $(PYTHON) is older."; exit 1; }
	@echo "Setting up $(VENV) (once) …"
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
	  || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(RUN)/python install -q pip; } 2>/dev/null \
	  || { rm -rf $(VENV); apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && $(PYTHON) -m venv $(VENV); } \
	  || { echo "No virtual environment could be made: install python3-venv."; exit 1; }
	@$(RUN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(RUN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup
	@$(RUN)/python -m loadtest demo

test: setup
	$(RUN)/python -m pytest -n 2 --dist worksteal

check: setup
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/python -m pytest tests/test_tidy.py

format: setup
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

# After a change of dependencies in pyproject.toml.
lock: setup
	$(RUN)/python -m pip install -q --disable-pip-version-check uv
	$(RUN)/uv pip compile -q --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" -o requirements.lock pyproject.toml requirements.in

clean:
	rm -rf $(VENV) var build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
