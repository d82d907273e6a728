# Everything runs in .venv, which the first target that needs it makes from the hashed lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HOME_DIR ?= home
AS_OF := 2026-04-03

.PHONY: run test soak dev dashboard lint bench clean lock

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(STAMP)

run: $(STAMP)  ## bill the sample seller: landed files to issued invoices
	$(BIN)/billing run --landing data/sample/landing --home $(HOME_DIR) --as-of $(AS_OF)
	$(BIN)/billing score --home $(HOME_DIR) --truth data/sample/truth

# In the order of the files: reordered, the few whole nights would come last and one core would wait for them.
test: $(STAMP)  ## every test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

soak: $(STAMP)  ## the proofs of `make test` at full size (many minutes)
	$(BIN)/python -m pytest -m soak --numprocesses auto --dist loadfile

dev: $(STAMP)  ## the Dagster UI on http://127.0.0.1:3000
	BIN=$(BIN) sh deploy/dev.sh

dashboard: $(STAMP)  ## the close on web pages, http://127.0.0.1:8321
	$(BIN)/billing dashboard --home $(HOME_DIR)

lint: $(STAMP)  ## ruff, mypy, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests

bench: $(STAMP)  ## 10M usage events landed and rolled up; 5,000 contracts rated; a year of AWS feeds reconciled
	$(BIN)/python -m bench.metering
	$(BIN)/python -m bench.pricing
	$(BIN)/python -m bench.marketplace
	$(BIN)/python -m bench.publication

lock: $(STAMP)  ## rewrite requirements.lock for Python 3.11-3.13
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-emit-index-url --no-header pyproject.toml -o requirements.lock

clean:  ## remove derived state and caches; the ledger stays
	rm -rf $(HOME_DIR)/lake $(HOME_DIR)/warehouse.duckdb* $(HOME_DIR)/reports $(HOME_DIR)/dbt .pytest_cache .mypy_cache .ruff_cache
