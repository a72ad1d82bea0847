# `make` or `make help` lists what there is to do. Everything that is installed lies in .venv, and Apache Kafka in the
# user's cache folder; the system is left alone.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests wait for processes more than they compute, so more of them run at once than there are cores.
WORKERS ?= 4
# Tests are handed out in the order in which tests/distribution.py puts them.
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
# Each set of files that is used together, joined by +.
COMPOSE_FILES := docker-compose.yml docker-compose.yml+docker-compose.noplugin.yml \
	docker-compose.yml+docker-compose.secure.yml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Create .venv and install everything into it

.PHONY: demo
demo: $(STAMP) ## Start everything on this machine, Apache Kafka included; flags in ARGS, as in ARGS=--fresh
	@$(BIN)/qb demo $(ARGS)

.PHONY: test
test: $(STAMP) ## Run all but the slow tests against a real Apache Kafka; pytest's flags in ARGS
	@$(PYTEST) -m 'not slow' --hypothesis-profile quick $(ARGS)

.PHONY: lint
lint: $(STAMP) ## Check style and format of the Python code
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

.PHONY: types
types: $(STAMP) ## Check the types
	@$(BIN)/mypy

.PHONY: files
files: $(STAMP) ## Check YAML, shell, Docker, compose and Prometheus files
	@$(BIN)/yamllint --strict .
	@$(BIN)/shellcheck .ci/run
	@$(BIN)/hadolint Dockerfile
	@$(call with,docker-compose,for files in $(COMPOSE_FILES); do docker-compose -f $$(echo $$files | sed "s/+/ -f /g") config -q || exit 1; done)
	@$(call with,promtool,promtool check config prometheus/prometheus.yml prometheus/prometheus.local.yml)
	@$(call with,promtool,promtool check config --syntax-only prometheus/prometheus.secure.yml)
	@$(call with,promtool,promtool test rules prometheus/tests/*.yml)

.PHONY: check
check: lint types files ## Everything, slow tests too; with QB_REQUIRE_TOOLS=1 a missing tool is an error
	@$(PYTEST) $(ARGS)

.PHONY: bench
bench: $(STAMP) ## Measure speed, in ratios to other ways; rows and flags in ARGS, as in ARGS="bare --repeat 5"
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-peers
bench-peers: $(STAMP) ## Measure the same job in Kafka Streams and Flink beside ours: needs Java 17 and Maven
	@$(BIN)/python -m benchmarks peers --events 15000000 $(ARGS)

.PHONY: fuzz
fuzz: $(STAMP) ## Hold the kernel to the rules with records drawn at random; ARGS="--minutes 10 --seed 7"
	@$(BIN)/python -m tests.processor.fuzz $(ARGS)

.PHONY: clean
clean: ## Remove .venv and what tools left here; the demo's data and Kafka in the cache folder stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: pins
pins: ## Write the newest versions of all dependencies to constraints.txt: for developers
	@$(PYTHON) -m venv --clear .venv-pins
	@.venv-pins/bin/pip install --quiet --disable-pip-version-check -e '.[broker,dev,go]'
	@sed -n '/^#/p' constraints.txt >.venv-pins/constraints.txt
	@.venv-pins/bin/pip freeze --exclude-editable >>.venv-pins/constraints.txt
	@mv .venv-pins/constraints.txt constraints.txt
	@rm -rf .venv-pins

# $(call with,TOOL,COMMANDS): runs the commands if the tool is installed, and else says that it did not.
with = if command -v $(1) >/dev/null; then $(2); \
	elif [ "$$QB_REQUIRE_TOOLS" = 1 ]; then echo "$(1) is not installed, and QB_REQUIRE_TOOLS=1 needs it" >&2; exit 1; \
	else echo "Skipped: $(1) is not installed"; fi

# Debian's Python comes without the part that makes venvs; virtualenv works too.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is not; name another, as in: make PYTHON=python3.13" >&2; exit 1; }
	@if [ -x $(BIN)/python ]; then :; \
	elif $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(PYTHON) -m venv --clear $(VENV); \
	elif $(PYTHON) -m virtualenv --version >/dev/null 2>&1; then $(PYTHON) -m virtualenv --quiet --clear $(VENV); \
	elif command -v virtualenv >/dev/null; then virtualenv --quiet --clear --python=$(PYTHON) $(VENV); \
	else echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; fi
	@echo "Installing into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[broker,dev]' || { \
		echo "Installing failed, see above; without a network connection try again when there is one" >&2; exit 1; }
	@echo "Compiling what sums events"
	@$(BIN)/python -m qb.warm >/dev/null
	@touch $@
