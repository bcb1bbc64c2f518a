# Concord. Needs make and Python 3.11 or newer, nothing else: PostgreSQL and Redis come from Python wheels.
# `make PYTHON=/path/to/python demo` chooses the interpreter; ARGS="…" is passed on to demo, run, test and the benchmarks.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

CANDIDATES := python3.13 python3.12 python3.11 python3
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
CODE := manage.py matching mdm sync tests

unexport PYTHONDONTWRITEBYTECODE # a start without cached bytecode takes seconds longer
export PYTHONUNBUFFERED := 1

.PHONY: help demo run test lint format screenshots bench bench-delivery bench-lookup bench-matching bench-scale bench-ui faults soak fuzz interop lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/runtime ## run the whole path unattended on made-up hospital data and report what came of it
	$(BIN)/python manage.py demo $(ARGS)

run: .venv/runtime ## start everything on demo data with reviews left open; prints the address and the logins
	@$(BIN)/python manage.py up --demo $(ARGS)

test: .venv/dev ## run the tests
	$(BIN)/python -m pytest --create-db -n auto --dist loadfile $(ARGS)

lint: .venv/dev ## check style, types, migrations, deployment settings and the API schema
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy matching mdm sync
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

format: .venv/dev ## put the code into its standard form
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

screenshots: .venv/dev ## draw every screen, with Chromium, into docs/screens
	CONCORD_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -q --no-header tests/e2e/screenshots.py

bench: .venv/dev ## measure what matching and lookups cost on this machine
	$(BIN)/python -m tests.bench

bench-lookup: .venv/dev ## measure lookups over HTTP against an empty view and bare psycopg, on a million rows
	$(BIN)/python -m tests.bench.lookup $(ARGS)

bench-matching: .venv/dev ## measure matching side by side with other tools (TASKS=dir ROLES=file add labelled tasks)
	TASKS="$(TASKS)" ROLES="$(ROLES)" $(BIN)/python -m tests.bench.matching $(ARGS)

bench-scale: .venv/dev ## load a million items into a database of its own and ask about them one by one (ARGS="--size N")
	$(BIN)/python -m tests.bench.scale $(ARGS)

bench-ui: .venv/dev ## measure the steward's screens with a million items and 50,000 open reviews (ARGS="--size N")
	$(BIN)/python -m tests.bench.ui $(ARGS)

bench-delivery: .venv/dev ## measure delivery: latency, hot records, a dead target, HTTP and MLLP against bare clients
	$(BIN)/python -m tests.bench.delivery $(ARGS)

faults: .venv/dev ## harm a Concord of its own in every way of docs/delivery.md and look for loss and repetition (5 seeds)
	CONCORD_FAULTS_EXAMPLES=60 $(BIN)/python -m pytest -q --no-header -n auto --dist loadfile tests/faults
	$(BIN)/python -m tests.faults $(ARGS)

soak: .venv/dev ## the same at length: 20 seeds of 25 seconds (ARGS="--seeds 100 --seconds 60")
	$(BIN)/python -m tests.faults --seeds 20 $(ARGS)

fuzz: .venv/dev ## send the API whatever its description allows and much that it doesn't, at length
	CONCORD_FUZZ=$(or $(EXAMPLES),200) $(BIN)/python -m pytest -q tests/mdm/api/test_fuzz.py $(ARGS)

interop: .venv/dev ## install foreign counterparts (ERP, FHIR, HL7, SFTP …) and show that Concord keeps them in step
	CONCORD_INTEROP=1 CONCORD_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -v --no-header --create-db tests/interop $(ARGS)

lock: .venv/dev ## renew requirements/ from pyproject.toml, within its bounds (LOCK="--upgrade" moves every version)
	$(BIN)/uv pip compile pyproject.toml $(UV) -o requirements/lock.txt
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements/lock.txt $(UV) -o requirements/dev.txt

clean: ## remove the environment, the data under var/ and every cache
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

UV = --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(LOCK)

.venv/runtime: requirements/lock.txt
	$(call install,requirements/lock.txt)
	@touch $@

.venv/dev: requirements/dev.txt
	$(call install,requirements/dev.txt)
	@touch .venv/runtime $@ # dev.txt holds the runtime's packages too

# pip, because it follows the machine's own index and certificate settings; bytecode is compiled on all cores after it.
define install
@test -n "$(PYTHON)" || { echo "Concord needs Python 3.11 or newer with venv; name one: make PYTHON=/path/to/python"; exit 1; }
@echo "Setting up .venv from $(1) (about a minute, once)"
@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv
@$(PIP) install --no-compile --require-hashes --requirement $(1)
@$(BIN)/python -m compileall -q -j0 .venv/lib >/dev/null || true # some packages ship templates that aren't Python
endef
