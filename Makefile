# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
NATIVE := pyproject.toml constraints.txt kernels/CMakeLists.txt $(wildcard kernels/*.cpp kernels/*/*.cpp kernels/*/*.hpp kernels/*/*.cuh)

.PHONY: demo docs notebooks test lint types bench soak load-faults fuzz clean
.DELETE_ON_ERROR:

$(VENV)/.base: $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[cluster,serve]"
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@# TensorRT's names are checked against its real bindings, 1.2 MiB each; its libraries are not needed for that
	for version in 11.4.0.106 10.16.1.11; do $(BIN)/python -m pip install --quiet --no-deps --upgrade \
	  --target $(VENV)/tensorrt/$$version tensorrt-cu13-bindings==$$version || exit 1; done
	@# axe-core (MPL-2.0) looks for barriers in the pages; 650 kB of other people's code is fetched, checked and not kept here
	if command -v npm >/dev/null; then npm install --prefix $(VENV)/axe --no-save --no-package-lock --ignore-scripts \
	  --silent axe-core@4.14.1; else echo "npm is not installed: the accessibility tests will be skipped"; fi
	touch $@

demo: $(VENV)/.base        ## a real mini-plate and two simulated ones, from frames to report
	$(BIN)/phasewell demo --output demo

test: $(VENV)/.dev         ## the whole test suite
	$(BIN)/python -m pytest --numprocesses 2

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python benchmarks/readme_table.py --check
	$(BIN)/python benchmarks/kernels_page.py --check
	$(BIN)/python -m phasewell.tables.postgres.schema_file deploy/schema.sql --check
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

types: $(VENV)/.dev
	$(BIN)/mypy

# other people's programs have pins of their own, so they get a virtual environment of their own
$(VENV)-peers/.done: $(NATIVE)
	test -x $(VENV)-peers/bin/python || $(PYTHON) -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install --quiet --editable ".[peers]"
	touch $@

docs: $(VENV)/.dev         ## the documentation as a site in build/docs, which opens from a disk; a warning ends it
	$(BIN)/python -m sphinx -q -E -a -W --keep-going -b html docs build/docs

notebooks: $(VENV)/.dev    ## the notebooks from top to bottom, with what they print
	$(BIN)/python docs/run_notebooks.py

bench: $(VENV)/.dev $(VENV)-peers/.done  ## rates of this machine (idle, minutes); rows under benchmarks/results, then the pages
	$(VENV)-peers/bin/python benchmarks/kernels.py
	$(BIN)/python benchmarks/kernels_page.py
	$(BIN)/python benchmarks/descriptors.py
	$(BIN)/python benchmarks/simulation.py
	$(BIN)/python benchmarks/potency_profiles.py
	$(BIN)/python benchmarks/potency_forest.py
	$(BIN)/python benchmarks/potency_grid.py 50
	$(BIN)/python benchmarks/paper_r.py build/bench/paper_r
	$(BIN)/python benchmarks/simulated_screen.py build/bench --rates
	$(VENV)-peers/bin/python benchmarks/engine.py build/bench/engine
	$(BIN)/python benchmarks/ingest.py build/bench/ingest
	$(BIN)/python benchmarks/executors.py build/bench/executors
	$(BIN)/python benchmarks/serving.py build/bench/serving
	$(BIN)/python benchmarks/loading.py build/bench/loading
	$(BIN)/python benchmarks/requirement.py build/bench/requirement
	$(BIN)/python benchmarks/readme_table.py

soak: $(VENV)/.dev         ## 21,120 frames through one run: memory and rate from the first to the last (22 GB of disk)
	$(BIN)/python benchmarks/soak.py build/bench/soak
	$(BIN)/python benchmarks/readme_table.py

load-faults: $(VENV)/.dev  ## loaders killed 20 times, the server away for a minute, COMMITs cut: the database ends whole
	$(BIN)/python tests/tables/loading_faults.py --kills 20 --away-s 60

fuzz: $(VENV)/.dev         ## 100,000 small random frames through every kernel under address and undefined-behaviour sanitizers
	$(BIN)/python tests/kernels/harness.py fuzz 100000 1 100

clean:
	rm -rf $(VENV) $(VENV)-peers build demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
