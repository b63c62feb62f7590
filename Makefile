# Every target does its own set-up in .venv; nothing is installed by hand.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3.14 python3,$(if $(shell command -v $(p)),$(p))))
VENV := .venv
RUN := $(VENV)/bin
READY := $(VENV)/.ready
# Node.js builds the pages, and is needed for nothing else: where it is absent, the rest goes on without them.
WEB := fusioncmd/web
NODE := $(shell command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a > 22 || a == 20 && b > 18 || a == 22 && b > 11) console.log("yes")' 2>/dev/null)
BUILT := $(WEB)/dist/.built
PAGES := $(if $(NODE),if-pages,no-pages)

.PHONY: help setup demo test check format lock clean pages no-pages if-pages screenshots

help:
	@echo "make demo    840,000 people, 20,000 live terminals, one call-down, every answer counted"
	@echo "make test    the whole suite, some nine minutes on two cores"
	@echo "make check   format, lint, strict types, house rules"
	@echo "make screenshots   the pictures of the README, by Chromium"
	@echo "make pages   the console and the responder's page, by Node.js 20.19 or 22.12, or later"

setup: $(READY)

# Editable by a plain path (compat): each process starts 30 ms sooner than by an import hook.
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
	@$(RUN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -C editable_mode=compat -e .
	@$(RUN)/python -m compileall -q fusioncmd gateways tiers
	@touch $@

pages: $(BUILT)

$(WEB)/node_modules/.ready: $(WEB)/package.json $(WEB)/package-lock.json $(WEB)/.npmrc
	@test -n "$(NODE)" || { echo "Node.js 20.19 or 22.12, or later, is needed to build the pages, and was not found."; exit 1; }
	@echo "Setting up $(WEB)/node_modules (once) …"
	@npm --prefix $(WEB) ci --no-progress --loglevel=error
	@touch $@

$(BUILT): $(WEB)/node_modules/.ready $(shell find $(WEB) -name node_modules -prune -o -name dist -prune -o -type f -print)
	@echo "Building the pages …"
	@npm --prefix $(WEB) run build --silent
	@touch $@

# Of a real tier with made-up people; needs Chromium, and a Chinese font (Debian: fonts-noto-cjk).
screenshots: setup pages
	$(RUN)/python -m tests.screenshots
	$(RUN)/python -m tests.console_pictures
	$(RUN)/python -m tests.alarm_pictures

# Node.js is there, and perhaps no network for what it needs: the rest goes on all the same.
if-pages:
	@$(MAKE) --no-print-directory pages || echo "The pages could not be built (above is why). The rest runs without them."

no-pages:
	@echo "The pages are not built: Node.js 20.19 or 22.12, or later, was not found. The rest runs without them."

demo: setup $(PAGES)
	@$(RUN)/python -m loadtest demo

# Four workers on two cores: stories wait for processes as much as they compute. House rules are part of `check`.
test: setup $(PAGES)
	$(RUN)/python -m pytest -n 4 --dist worksteal --ignore tests/test_tidy.py

check: setup $(if $(NODE),$(WEB)/node_modules/.ready)
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/python -m pytest tests/test_tidy.py
	$(if $(NODE),npm --prefix $(WEB) run check --silent,@echo "The pages are not checked: no Node.js.")

format: setup
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

# After a change of dependencies in pyproject.toml.
lock: setup
	$(RUN)/python -m pip install -q --disable-pip-version-check uv
	$(RUN)/uv pip compile -q --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" -o requirements.lock pyproject.toml requirements.in

clean:
	rm -rf $(WEB)/node_modules $(WEB)/dist $(VENV) var build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
