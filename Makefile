# times-doctor. `make help` lists the targets. Needs Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
SEED ?= $(shell date +%s)
SECONDS_OF_CHAOS ?= 300
.DEFAULT_GOAL := help
.PHONY: help house install demo test test-long test-all test-attacks test-next test-faults test-faults-guarded chaos chaos-guarded test-solvers test-store test-cluster test-cluster-guarded test-compose lint format \
  typecheck testcov bench clean dist help-text picture docs constraints bench-smoke

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / { \
	  line = sprintf("  %-21s", $$1); n = split($$2, words, " "); \
	  for (i = 1; i <= n; i++) { \
	    if (length(line " " words[i]) > 79) { print line; line = sprintf("  %-21s", "") } \
	    line = line " " words[i] } \
	  print line }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  if command -v $(PYTHON) >/dev/null; then is="$(PYTHON) is $$($(PYTHON) -V 2>&1)"; else is="there is no $(PYTHON)"; fi; \
	  echo "times-doctor needs Python 3.11 or newer, and $$is."; \
	  for newer in python3.14 python3.13 python3.12 python3.11; do \
	    if command -v $$newer >/dev/null; then echo "There is $$newer: make PYTHON=$$newer $(MAKECMDGOALS)"; exit 1; fi; done; \
	  echo "Install one (Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python; or python.org),"; \
	  echo "or name yours: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "$(PYTHON) has no ensurepip, so no environment can be made. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "Making the environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml
	@echo "Installing times-doctor and what it needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[local,gams]'
	@$(BIN)/python -m compileall -q cli tasks worker
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	@echo "Installing times-doctor with its development tools ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(BIN)/python -m compileall -q cli tasks worker
	@touch $@ $(VENV)/.demo

install: $(VENV)/.dev ## make the environment with everything for development

demo: $(VENV)/.demo ## write the sample model and scan it for real (GAMS, else HiGHS)
	@$(BIN)/times-doctor demo demo >/dev/null
	@echo "The folder demo/ has a model of a small energy system: which power plants to"
	@echo "run, and when, so that demand is met at least cost. Programs that find the"
	@echo "answer (\"solvers\") can be set in many ways. This scan solves the model with"
	@echo "several settings (\"profiles\") at once, shows each at work, checks that all find"
	@echo "the same answer, and ends with which profile to use."
	@echo
	@$(BIN)/times-doctor scan demo/parscen --parallel 2>$(VENV)/demo.err; code=$$?; \
	  if [ $$code -ne 5 ]; then cat $(VENV)/demo.err >&2; exit $$code; fi; \
	  sed 's/^Error: /GAMS, which many such models are written in, is left out here. /' $(VENV)/demo.err | fold -s -w 79; \
	  echo; echo "The same energy system as a model file, solved by HiGHS, a free solver:"; echo; \
	  $(BIN)/times-doctor scan demo/demo_large.mps --parallel && \
	  { echo; echo "Now your own model:  $(BIN)/times-doctor scan YOUR_MODEL.mps --parallel"; }

test: $(VENV)/.dev ## run the tests, but for the long ones, and the examples in docstrings
	$(PYTEST) -n 2 --dist loadfile -m 'not long'

test-long: $(VENV)/.dev ## run the long tests only
	$(PYTEST) -n 2 --dist loadfile -m long

test-attacks: $(VENV)/.dev ## broken messages, keys, models and floods against real workers
	$(PYTEST) -q -n 2 tests/attacks

test-all: test test-long bench-smoke ## run both, and a part of the attacks and of the mixed versions
	$(PYTEST) -q -n 2 -m sample tests/attacks tests/upgrade

test-faults: $(VENV)/.dev ## kill, stop and cut off real workers and their broker, many times; the protocol against its model, at length
	TEST_MODEL_EXAMPLES=1000 $(PYTEST) -q -n 4 tests/faults tests/integration/test_protocol_model.py

test-next: $(BIN)/python ## what we use of Celery's inside, against the newest Celery and kombu; allowed to fail, prints what changed
	@test -x .venv-next/bin/python || $(PYTHON) -m venv .venv-next
	@.venv-next/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	-@.venv-next/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --pre celery kombu
	@.venv-next/bin/python -m pip list --disable-pip-version-check 2>/dev/null | grep -E '^(celery|kombu|redis) '
	-.venv-next/bin/python -m pytest -q --tb=line tests/contract/test_celery_internals.py

test-faults-guarded: $(VENV)/.dev ## the same cases behind TLS, with certificates and a user for each role (needs redis-server)
	TD_GUARDED=1 $(PYTEST) -q -n 4 tests/faults

chaos: $(VENV)/.dev ## two scans of 50 runs at a time for five minutes of random faults; SEED=n repeats one
	TD_CHAOS_S=$(SECONDS_OF_CHAOS) TD_CHAOS_SEED=$(SEED) $(PYTEST) -q -s tests/faults/test_chaos.py

chaos-guarded: $(VENV)/.dev ## the same behind TLS, with a user for each role (needs redis-server)
	TD_GUARDED=1 TD_CHAOS_S=$(SECONDS_OF_CHAOS) TD_CHAOS_SEED=$(SEED) $(PYTEST) -q -s tests/faults/test_chaos.py

.venv-solvers/.made: $(BIN)/python pyproject.toml
	@test -x .venv-solvers/bin/python || $(PYTHON) -m venv .venv-solvers
	@.venv-solvers/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,solvers]' pyomo
	@touch $@

test-solvers: .venv-solvers/.made ## CPLEX, Gurobi, Xpress, COPT and HiGHS without GAMS, for real, in an environment of their own (500 MB)
	TEST_SOLVERS=1 .venv-solvers/bin/python -m pytest -q -n 2 tests/solvers

test-store: $(VENV)/.dev ## send a model of 300 MB in 2,000 files through every blob store
	$(PYTEST) -q tests/store/big_model.py

test-cluster: $(VENV)/.dev ## three hosts in network namespaces, one far away; kills and cuts, measured (needs root)
	$(PYTEST) -q -s tests/cluster/three_hosts.py

test-cluster-guarded: $(VENV)/.dev ## the same behind TLS, with certificates and a user for each role (needs redis-server)
	TD_GUARDED=1 $(PYTEST) -q -s tests/cluster/three_hosts.py

test-compose: $(VENV)/.dev ## bring docker-compose.yml up for real, scan against it, break it (needs Docker)
	$(PYTEST) -q -s tests/compose/team_in_containers.py

dist: $(BIN)/python ## build a wheel of what is here, into dist/: for hosts, containers and laptops
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist

help-text: $(VENV)/.dev ## write what `times-doctor --help` prints into the package, so that it is shown at once
	COLUMNS=80 $(BIN)/python -c "from times_doctor_cli.main import run; run(['--help'], None)" > cli/times_doctor_cli/help.txt

$(VENV)/.docs: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,docs]'
	@touch $@

docs: $(VENV)/.docs ## build the site into site/; a link that leads nowhere ends it
	$(BIN)/python -m tools.website

constraints: $(BIN)/python ## renew constraints.txt: the exact versions that the Docker image and CI install
	rm -rf .venv-constraints && $(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python -m pip install --quiet --disable-pip-version-check '.[dev,docs]'
	@echo '# Exact versions for the Docker image and CI. Renew: make constraints' > constraints.txt
	.venv-constraints/bin/python -m pip freeze --exclude times-doctor --exclude pip | grep == >> constraints.txt
	rm -rf .venv-constraints

picture: $(VENV)/.dev ## draw README's picture: a real scan over three hosts, one of which is killed (needs tmux; minutes)
	$(BIN)/python tools/picture.py

bench: $(VENV)/.dev ## every benchmark beside what you would do otherwise; writes docs/benchmarks.md (18 minutes)
	$(BIN)/python -m benchmarks.bench --write --minutes 18 $(if $(MODELS),--models $(MODELS))

bench-smoke: $(VENV)/.dev ## see that each benchmark still runs
	$(BIN)/python -m benchmarks.bench --smoke

testcov: $(VENV)/.dev ## run the tests with branch coverage
	$(BIN)/python -m pip install --quiet pytest-cov
	$(PYTEST) -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered

house: $(VENV)/.dev ## the numbers that keep the code walkable: rooms, sizes, duplicates, layers, journeys
	$(BIN)/python tools/house.py

lint: $(VENV)/.dev typecheck house ## ruff, mypy, import-linter, and the numbers of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(VENV)/.dev ## mypy --strict over code and tests, and once more as Windows would see a client
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 tasks cli

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment and all that was made
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis dist site
