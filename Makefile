# The one door. Each target does all its own set-up and says what it is doing.
# Needs: make, and Python 3.11 or newer (PYTHON=python3.12 chooses another).

PYTHON ?= python3
VENV   ?= .venv
BENCH_VENV ?= .venv-bench
PEERS_VENV ?= .venv-peers
SERVERS_VENV ?= .venv-servers
SCHEMA_VENV ?= .venv-schema
CHROMIUM := /usr/bin/chromium
BIN    := $(VENV)/bin
PIP    := -m pip --disable-pip-version-check install --quiet
LOCKED := --no-deps --require-hashes -r

.PHONY: help setup demo test test-browser test-marked test-clients test-cluster test-schema mutants fuzz kills lint docs format figures bench bench-peers bench-servers lock clean has-chromium

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.base  ## a virtual environment with the product in it

demo: setup  ## train on the built-in sample, show the report, classify a few sentences
	@echo "==> frostline demo"
	@mkdir -p build
	@$(BIN)/frostline demo --out build/demo --overwrite

test: $(VENV)/.test  ## the test suite: no network, no torch, some five minutes on two cores; told are its seconds and the ten slowest tests
	@echo "==> pytest"
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile --durations=10 $(PYTEST)

test-browser: has-chromium $(VENV)/.browser build/axe-core build/browser  ## the pages in Debian's chromium, narrow and wide, light and dark
	@echo "==> pytest -m browser tests/report tests/serve tests/tutorial tests/export"
	@$(BIN)/python -m pytest -m browser tests/report tests/serve tests/tutorial tests/export $(PYTEST)

build/axe-core:  # checked by its digest in the test that reads it, which is left out where there is no npm
	@npm install --silent --prefix $@ --ignore-scripts --no-audit --no-fund --no-save axe-core@4.14.1 || \
	  echo "No npm or no network: the rules of accessibility (axe-core) are left out"

build/browser:  # what an exported page reads with; checked by digests, and left out where there is no npm
	@npm install --silent --prefix $@ --ignore-scripts --no-audit --no-fund --no-save onnxruntime-web@1.30.0 @huggingface/tokenizers@0.2.0 || \
	  echo "No npm or no network: the page of an exported classifier is not tried in the browser"

has-chromium:
	@test -x $(CHROMIUM) || { echo "There is no $(CHROMIUM); install it by: apt-get install chromium"; exit 1; }

test-marked: $(BENCH_VENV)/.ready  ## the marked groups (slow, torch, data), in an environment that has torch
	@echo "==> pytest -m 'slow or torch or data'"
	@$(BENCH_VENV)/bin/python -m pytest -m "slow or torch or data" $(PYTEST)

test-clients: $(BENCH_VENV)/.clients  ## the server asked by tritonclient, mlflow, tei-client and huggingface_hub
	@echo "==> pytest -m clients tests/serve tests/tutorial tests/export tests/test_mlflow.py tests/test_compositions.py"
	@$(BENCH_VENV)/bin/python -m pytest -m clients tests/serve tests/tutorial tests/export tests/test_mlflow.py tests/test_compositions.py $(PYTEST)

test-cluster: $(BENCH_VENV)/.cluster  ## files on a Ray cluster of two nodes here (as root, with iproute2), and in moto's object store
	@echo "==> pytest -m cluster tests/score tests/test_object_stores.py"
	@$(BENCH_VENV)/bin/python -m pytest -m cluster tests/score tests/test_object_stores.py $(PYTEST)

test-schema: $(VENV)/.test $(SCHEMA_VENV)/.ready  ## schemathesis over the server's OpenAPI, all phases (MODEL=a saved classifier)
	@echo "==> python tools/serve_schema.py"
	@$(BIN)/python tools/serve_schema.py $(MODEL) --schemathesis $(SCHEMA_VENV)/bin/schemathesis $(SCHEMA)

mutants: $(VENV)/.test  ## whether the tests notice small changes to src (MUTANTS="--n 100 --only src/frostline/head")
	@echo "==> python tools/mutants.py"
	@$(BIN)/python tools/mutants.py $(MUTANTS)

fuzz: $(VENV)/.fuzz  ## every loader against inputs that libFuzzer makes, told by loader (FUZZ="--runs 50000 parquet")
	@echo "==> python tools/fuzz.py"
	@$(BIN)/python tools/fuzz.py $(FUZZ)

kills: $(VENV)/.test  ## kill -9 at random moments of train, save, sweep, review, embed (KILLS="embed --n 100")
	@echo "==> python tools/kills.py"
	@$(BIN)/python tools/kills.py $(KILLS)

lint: $(VENV)/.lint  ## ruff, mypy --strict
	@echo "==> ruff, mypy"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(VENV)/.docs  ## the documentation as a site in build/site, every link checked, nothing of another host
	@echo "==> mkdocs build --strict"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --clean
	@echo "Open build/site/index.html"

format: $(VENV)/.lint  ## let ruff format and mend what it can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

figures: setup  ## the house in figures: modules, lines, floors, circles, places, what a verb imports
	@$(BIN)/python tools/house_figures.py

bench: $(BENCH_VENV)/.ready  ## ours against the tutorial's way and GridSearchCV (FILE=train.tsv for your own)
	@echo "==> python -m bench"
	@$(BENCH_VENV)/bin/python -m bench $(FILE) $(BENCH)

bench-peers: setup $(PEERS_VENV)/.ready  ## ours beside sentence-transformers, a pipeline, CTranslate2 (FILE=train.tsv; about an hour)
	@echo "==> python -m bench.peers"
	@$(BIN)/python -m bench.peers $(FILE) --python $(PEERS_VENV)/bin/python --out build/peers $(PEERS)

bench-servers: setup $(SERVERS_VENV)/.ready  ## the server beside sentence-transformers behind FastAPI and behind MLflow's own (FILE=train.tsv)
	@echo "==> tools/serve_peers.py"
	@$(BIN)/python tools/serve_peers.py $(FILE) --python $(SERVERS_VENV)/bin/python $(SERVERS)

lock:  ## resolve the hash-locked requirements anew (needs uv)
	@for set in base test browser fuzz lint; do \
	  case $$set in base) groups="";; test) groups="--group test";; *) groups="--group test --group $$set";; esac; \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url --no-emit-find-links pyproject.toml requirements/base.in $$groups -o requirements/$$set.txt; \
	done
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --group fuzz -o requirements/fuzz.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --constraint requirements/lint.txt --group docs -o requirements/docs.txt

clean:  ## remove what the targets made
	rm -rf $(VENV) $(BENCH_VENV) $(PEERS_VENV) $(SERVERS_VENV) $(SCHEMA_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

%/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Frostline needs Python 3.11 or newer; $$($(PYTHON) --version) was found. Try: make PYTHON=python3.12 ..."; exit 1; }
	@echo "==> making a virtual environment in $*"
	@$(PYTHON) -m venv $*

$(VENV)/.base: requirements/base.txt pyproject.toml | $(BIN)/python
	@echo "==> installing the locked requirements (about 800 MB on disk, bundled encoder included)"
	@$(BIN)/python $(PIP) $(LOCKED) requirements/base.txt
	@echo "==> installing frostline itself"
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.base
	@echo "==> installing what the tests need"
	@$(BIN)/python $(PIP) $(LOCKED) requirements/test.txt
	@touch $@

$(VENV)/.browser: requirements/browser.txt $(VENV)/.test
	@echo "==> installing what drives the browser (about 150 MB on disk)"
	@$(BIN)/python $(PIP) $(LOCKED) requirements/browser.txt
	@touch $@

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.test
	@echo "==> installing atheris"
	@$(BIN)/python $(PIP) $(LOCKED) requirements/fuzz.txt
	@touch $@

$(VENV)/.docs: requirements/docs.txt $(VENV)/.base
	@echo "==> installing mkdocs (about 30 MB on disk)"
	@$(BIN)/python $(PIP) $(LOCKED) requirements/docs.txt
	@touch $@

$(VENV)/.lint: requirements/lint.txt $(VENV)/.test
	@echo "==> installing the linters"
	@$(BIN)/python $(PIP) $(LOCKED) requirements/lint.txt
	@touch $@

$(PEERS_VENV)/.ready: requirements/peers.txt | $(PEERS_VENV)/bin/python
	@echo "==> installing what ours is compared with in $(PEERS_VENV) (about 2.5 GB)"
	@$(PEERS_VENV)/bin/python $(PIP) --no-deps -r requirements/peers.txt
	@touch $@

$(SCHEMA_VENV)/.ready: requirements/schema.txt | $(SCHEMA_VENV)/bin/python
	@echo "==> installing schemathesis in $(SCHEMA_VENV)"
	@$(SCHEMA_VENV)/bin/python $(PIP) --no-deps -r requirements/schema.txt
	@touch $@

$(SERVERS_VENV)/.ready: requirements/serving-peers.txt | $(SERVERS_VENV)/bin/python
	@echo "==> installing what the server is compared with in $(SERVERS_VENV) (about 1.5 GB)"
	@$(SERVERS_VENV)/bin/python $(PIP) --no-deps -r requirements/serving-peers.txt
	@touch $@

$(BENCH_VENV)/.clients: requirements/clients.txt $(BENCH_VENV)/.ready
	@echo "==> installing the clients of others in $(BENCH_VENV)"
	@$(BENCH_VENV)/bin/python $(PIP) --no-deps -r requirements/clients.txt
	@touch $@

$(BENCH_VENV)/.cluster: requirements/cluster.txt $(BENCH_VENV)/.clients
	@echo "==> installing Ray and moto in $(BENCH_VENV)"
	@$(BENCH_VENV)/bin/python $(PIP) --no-deps -r requirements/cluster.txt
	@touch $@

$(BENCH_VENV)/.ready: requirements/test.txt requirements/torch.txt pyproject.toml | $(BENCH_VENV)/bin/python
	@echo "==> installing the locked requirements, the tests' and frostline in $(BENCH_VENV)"
	@$(BENCH_VENV)/bin/python $(PIP) $(LOCKED) requirements/test.txt
	@$(BENCH_VENV)/bin/python $(PIP) --no-deps --no-build-isolation --editable .
	@echo "==> installing torch and transformers there, for comparison only"
	@$(BENCH_VENV)/bin/python $(PIP) -r requirements/torch.txt
	@touch $@
