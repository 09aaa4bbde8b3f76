# Every target does its own set-up: Python 3.11 or newer and make are all it needs.
PYTHON ?= python3
VENV   := .venv
FAST   := tests/unit tests/runtimes tests/property tests/contract
# With every other Python, also what another project's collector decodes.
OTHERS := $(FAST) tests/third_party/test_rotel.py
RUN    := $(VENV)/bin/python
PYTEST := $(RUN) -m pytest -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 1
READY  := $(VENV)/.ready
DOCS   := .venv-docs
SITE   := build/site

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast pythons ci ready check format bench docs layer release fidelity mutants mutants-changed soak soak-letters soak-deliveries soak-details fuzz lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The hashes make an installation repeatable; a changed requirements file installs what changed.
$(READY): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "lambda-dispatch needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

demo: $(READY) ## Run the example function in a local Lambda, show its traces and cached secrets, draw them in demo.html (OTLP=http://host:4318 sends them there, ARGS=--cloudwatch to a local CloudWatch)
	@$(RUN) -m simulator.demo $(if $(OTLP),--otlp $(OTLP)) $(ARGS)

test: $(READY) ## Run every test, side by side (ARGS="-k name" chooses, ARGS="-n 0" runs one after the other)
	@$(PYTEST) $(ARGS)

test-fast: $(READY) ## Run the fast tests only, side by side (PYTHON=python3.13 VENV=.venv-3.13 with another Python)
	@$(PYTEST) $(FAST) $(ARGS)

pythons: ## Run the fast tests with every other Python from 3.11 on that is found here
	@$(PYTHON) -m tests.suites --venv $(VENV) --fast $(OTHERS) --others-only

ci: check ## Run what CI runs: check, test, pythons; and once more what failed
	@$(PYTHON) -m tests.suites --venv $(VENV) --fast $(OTHERS)

ready: $(READY) ## Set up what the other targets need

check: $(READY) ## Format, lint, types, import rules: report, change nothing
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

format: $(READY) ## Format the code and apply the fixes that ruff knows
	@$(VENV)/bin/ruff check --fix --quiet .
	@$(VENV)/bin/ruff format .

bench: $(READY) ## Measure start, memory and hot paths as ratios to references in the same run (ARGS="start parameters" measures only these)
	@$(RUN) -m benchmarks $(ARGS)

$(DOCS)/.ready: requirements/docs.txt
	@$(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/docs.txt
	@touch $@

docs: $(DOCS)/.ready ## Build the documentation as a site, build/site/index.html; a broken link or anchor fails
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --site-dir $(SITE)

layer: ## Build the Lambda layer into dist/ (ARGS="--arch arm64", "--standalone", "--help")
	@PYTHON=$(PYTHON) ./build_layer.sh $(ARGS)

release: $(READY) ## Build all layers and gather a release in dist/release (LAYERS="--standalone" builds one, ARGS=--draft)
	@rm -rf dist/built
	@for layer in $(if $(LAYERS),"$(LAYERS)","" "--arch arm64" "--standalone" "--standalone --arch arm64"); do \
	  PYTHON=$(PYTHON) ./build_layer.sh --no-comparison --output dist/built $$layer || exit 1; done
	@$(RUN) -m layer.release dist/built/*.zip $(ARGS)

fidelity: $(READY) ## Hold the simulator against AWS's own emulator, call by call (needs Linux and root; ARGS=--write writes the table)
	@$(RUN) -m tests.fidelity $(ARGS)

mutants: $(READY) ## Change one thing at a time and see whether a test notices, for 55 minutes (ARGS="extension/redaction --minutes 10 --seed 7")
	@$(RUN) -m tests.mutants $(ARGS)

mutants-changed: $(READY) ## The same for the lines changed since BASE=HEAD~1, for 5 minutes
	@$(RUN) -m tests.mutants --changed-since $(or $(BASE),HEAD~1) --minutes 5 $(ARGS)

soak: $(READY) ## Run 10 000 invocations with random faults; nothing may be lost uncounted (ARGS="--seed 7" repeats one)
	@$(RUN) -m tests.soak $(ARGS)

soak-letters: $(READY) ## Run 10 000 invocations with an endpoint that fails a third of the time; the rest is in the bucket
	@$(RUN) -m tests.soak.letters $(ARGS)

soak-deliveries: $(READY) ## Run 1 000 invocations in each flush mode, with split, repeated, late and lost deliveries (ARGS="--seed 7")
	@$(RUN) -m tests.soak.deliveries $(ARGS)

soak-details: $(READY) ## Write a million DEBUG lines in one invocation; each is sent or counted, and memory stays
	@$(RUN) -m tests.soak.details $(ARGS)

fuzz: $(READY) ## Fuzz every door: the decoder, the pump, the receiver, a replay, both servers (FUZZ_SECONDS=60 for each of ten targets)
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) $(RUN) -m pytest --timeout 0 -o faulthandler_timeout=0 tests/fuzz

lock: ## Pin the requirements again, with hashes (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --extra dev pyproject.toml -o requirements/dev.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" pyproject.toml -o layer/requirements.txt
	@echo "mkdocs-material==9.8.2" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" - -o requirements/docs.txt
	@echo "cyclonedx-python-lib[json-validation]==11.12.0" | uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" - -o requirements/sbom.txt
	@echo "rotel==0.0.1a15" | uv pip compile --quiet --universal --python-version 3.11 --no-deps --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" - -o requirements/rotel.txt
	@echo "grafana-foundation-sdk==1769699998!10.1.0" | uv pip compile --quiet --universal --python-version 3.11 --no-deps \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" - -o requirements/grafana.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" tests/functions/sdks/python/requirements.in -o requirements/python-sdk.txt

clean: ## Remove what the targets made
	@rm -rf $(VENV) .venv-* build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .cache demo.html
