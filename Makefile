# The commands of this project; each installs into .venv what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Most tests wait for processes and serial lines, so that more of them than processors run at once.
PARALLEL := --numprocesses 4 --dist worksteal
# Each of the processes that run the tests would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test coverage lint audit chaos bench load install clean

help: ## List these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

run: $(VENV)/run ## Serve the modules on RENT_PORTS, or simulated ones where no RENT_ setting names ports or a key
	@if [ -n "$$RENT_PORTS$$RENT_API_KEY$$RENT_API_KEY_FILE" ]; \
	then exec $(BIN)/gunicorn wsgi:app; \
	else exec $(BIN)/onlinesim-rent simulate $(BIN)/gunicorn wsgi:app; fi

test: $(VENV)/test ## Run all tests
	@# Those that measure time go first, alone. The last lines are those of the others: they tell what was skipped.
	@timed=0; $(BIN)/pytest -m timed || timed=$$?; $(BIN)/pytest -m 'not timed' $(PARALLEL) && exit $$timed

coverage: $(VENV)/test ## Show which lines and branches no test reaches
	$(BIN)/pytest -m 'not timed' $(PARALLEL) --cov

lint: $(VENV)/lint ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: $(VENV)/audit ## Look the dependencies up among the known vulnerabilities
	@log=$$(mktemp) && trap 'rm -f "$$log"' EXIT; \
	$(BIN)/pip-audit --vulnerability-service osv --skip-editable --progress-spinner off 2>"$$log"; status=$$?; \
	if [ $$status -ne 0 ] && ! grep -q '^Found ' "$$log" && grep -qE 'ConnectionError|ConnectTimeout|ReadTimeout' "$$log"; \
	then echo 'audit SKIPPED: the vulnerability index (OSV) cannot be reached, so nothing was looked up.'; \
	else cat "$$log" >&2; exit $$status; fi

chaos: $(VENV)/test ## Play random banks in virtual time until Ctrl-C, or until one fails
	$(BIN)/python tests/support/chaos.py

bench: $(VENV)/run ## Measure a census of 64 and of 512 modules against one module's own dialogue
	$(BIN)/python benchmarks/census.py

load: $(VENV)/run ## Hold a load through nginx for 20 seconds; its --hup and --kill disturb the workers
	$(BIN)/python benchmarks/load.py

install: ## Put the service on this host (as root): user, /opt, systemd units, nginx site, udev rule
	deploy/install

clean: ## Remove what these commands made
	rm -rf $(VENV) build src/*.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/run: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/test $(VENV)/lint $(VENV)/audit: $(VENV)/%: $(VENV)/run setup.cfg
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
