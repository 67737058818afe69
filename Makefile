# Every target works from a fresh clone: `install` makes .venv from the lock and is done once per lock.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed-$(shell cksum requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

.PHONY: install sweep test lint format docs bench bundle lock licences audit clean

install: $(STAMP)

# One at a time, where there is `flock`: a second command waits and finds it done.
$(STAMP): requirements.lock pyproject.toml
ifndef ALONE
	@$(if $(shell command -v flock),flock $<) $(MAKE) --no-print-directory ALONE=1 $@
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	rm -f $(VENV)/installed-*
	touch $@
endif

sweep: install
	$(BIN)/python -m jobs.sample experiment=sample
	$(BIN)/python -m jobs.backfill experiment=sample
	$(BIN)/python -m jobs.gamma experiment=sample 'symbols=[SPX,NDX]'
	$(BIN)/python -m jobs.sweep experiment=sample

test: install
	$(BIN)/python -m pytest -n 2 --dist loadgroup

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The configuration reference follows from conf/ and the parameter classes.
docs: install
	$(BIN)/python -m docs.make_configuration

# Peers live apart; without an index at hand the suites say which are missing and go on.
bench: install
	test -d .venv-benchmarks || $(PYTHON) -m venv .venv-benchmarks
	-.venv-benchmarks/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks

# What cluster.yaml copies to every node, and the image of docs/cluster.md is made of: no test tools.
bundle: install
	rm -rf dist/cluster
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist/cluster .
	$(BIN)/python .ci/runtime_lock.py > dist/cluster/requirements.lock

lock:
	uv pip compile pyproject.toml --extra test --extra aws --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o requirements.lock

licences: install
	$(BIN)/python .ci/licences.py

# Known holes in what is locked; asks the index and its advisories, and says where it has none.
audit:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit
	.venv-audit/bin/python .ci/audit.py

clean:
	rm -rf $(VENV) .venv-audit .venv-benchmarks data
