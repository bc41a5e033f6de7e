# The commands of this project. Each installs what it needs into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Most tests wait for processes and serial lines, so that more of them than processors run at once.
PARALLEL := --numprocesses 5 --dist worksteal
# Each of the processes that run the tests would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test coverage lint audit chaos bench hosts load install clean

help: ## List these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

run: $(VENV)/run ## Serve the modules on RENT_PORTS; simulated ones if no RENT_ setting names ports or a key
	@if [ -n "$$RENT_PORTS$$RENT_API_KEY$$RENT_API_KEY_FILE" ]; \
	then exec $(BIN)/gunicorn wsgi:app; \
	else exec $(BIN)/onlinesim-rent simulate $(BIN)/gunicorn wsgi:app; fi

test: $(VENV)/test ## Run all tests
	@# Those that measure time go first, alone. The last lines are those of the others: they tell what was skipped.
	@timed=0; $(BIN)/pytest -m timed || timed=$$?; $(BIN)/pytest -m 'not timed' $(PARALLEL) && exit $$timed

coverage: $(VENV)/test ## Show which lines and branches no test reaches
	$(BIN)/pytest -m 'not timed' $(PARALLEL) --cov

lint: $(VENV)/lint ## Check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

audit: $(VENV)/audit ## Check the dependencies for known vulnerabilities
	@log=$$(mktemp) && trap 'rm -f "$$log"' EXIT; \
	$(BIN)/pip-audit --vulnerability-service osv --skip-editable --progress-spinner off 2>"$$log"; status=$$?; \
	if [ $$status -ne 0 ] && ! grep -q '^Found ' "$$log" && grep -qE 'ConnectionError|ConnectTimeout|ReadTimeout' "$$log"; \
	then echo 'audit SKIPPED: the vulnerability index (OSV) cannot be reached, so nothing was looked up.'; \
	else cat "$$log" >&2; exit $$status; fi

chaos: $(VENV)/test ## Test random banks in virtual time until one fails, or until Ctrl-C
	$(BIN)/python tests/support/chaos.py

bench: $(VENV)/bench ## Measure censuses, answers, start and memory, and compare with other programs (minutes)
	$(BIN)/python benchmarks

hosts: $(VENV)/test ## Measure a front that counts 1 to 1,000 hosts of 64 modules, on a real Redis
	$(BIN)/python benchmarks/hosts.py

load: $(VENV)/run ## Send requests through nginx for 20 seconds; --hup and --kill disturb the workers
	$(BIN)/python benchmarks/load.py

install: ## Install the service on this host (as root): user, /opt, systemd units, nginx site, udev rule
	deploy/install

clean: ## Remove everything that these commands made
	rm -rf $(VENV) build src/*.egg-info .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/run: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# The accessibility checker of a test that is skipped without it, so that npm may be missing or fail.
AXE := axe-core@4.14.1
$(VENV)/test: $(VENV)/axe
$(VENV)/axe: $(VENV)/run Makefile
	@if command -v npm >/dev/null; then \
	npm install --prefix $(VENV) --no-save --no-audit --no-fund --ignore-scripts --silent \
	--fetch-retries 0 --fetch-timeout 30000 $(AXE) || echo 'npm cannot install $(AXE): its test is skipped.'; fi
	@touch $@

$(VENV)/test $(VENV)/lint $(VENV)/bench $(VENV)/audit: $(VENV)/%: $(VENV)/run setup.cfg
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
