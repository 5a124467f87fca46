# Every target makes the environment it needs: the first one you type works on a fresh machine.
.DEFAULT_GOAL := help
.PHONY: help setup test fuzz chaos lint bench reproduce-table1 check-harness train meta-train \
  reproduce-figure3 reproduce-figure4 reproduce-meta-dncnn train-real reproduce-real-table2 report docs dist \
  clean

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

help:            ## Show this list.
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z0-9-]*\): *.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 26
	@echo "Data: DENOISE_DATA=FOLDER names a folder that holds bsd400/ bsd68/ set12/ bsds500/{train,val,test}/"
	@echo "      as image files; what is missing there is downloaded, but for the pairs of real noise, polyu/"
	@echo "      and nam_cc15/. Prepared copies: DENOISE_CACHE."

setup: $(READY)  ## Make .venv and install the package with its test tools.

$(READY): setup.cfg setup.py
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else \
	  f"error: Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}; try make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

test: $(READY)   ## Run the tests (no data, network or GPU needed).
	$(RUN) -m pytest

fuzz: $(READY)   ## 10,000 bad inputs: none may end in a traceback, a hang or half a file.
	$(RUN) -m tests.fuzz

chaos: $(READY)  ## 20 kills each of a training, a meta-training, an evaluation; full disk, Ctrl-C.
	$(RUN) -m tests.chaos

lint: $(READY)   ## Check style and formatting with ruff, and types with mypy.
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: $(READY)  ## Measure speed and memory; PyTorch beside it where TORCH=1.
	$(if $(TORCH),$(RUN) -m pip install --quiet torch,)
	$(RUN) -m benchmarks

# SIGMAS=15,25,50 | all   PROTOCOL=honest | paper   RECOMPUTE=1   TRAIN=1 [PROFILE=released | meta | paper | small]
SIGMAS ?= 15,25,50
PROTOCOL ?= honest
PROFILE ?= released
PROFILE_FILE := experiments/dncnn_blind$(if $(filter-out released,$(PROFILE)),_$(PROFILE)).yaml
PROFILE_NAME := dncnn-blind$(if $(filter-out released,$(PROFILE)),-$(PROFILE))
TABLE1_MODELS := $(if $(TRAIN),[runs/$(PROFILE_NAME)/$(PROFILE_NAME).weights.h5],)

reproduce-table1: $(READY)  ## Table 1: SIGMAS=all PROTOCOL=paper RECOMPUTE=1 TRAIN=1 PROFILE=paper
	$(if $(TRAIN),$(RUN) -m experiments run $(PROFILE_FILE))
	$(if $(RECOMPUTE),$(RUN) -m pip install --quiet --editable '.[bm3d]')
	$(RUN) -m experiments run experiments/table1.yaml \
	  --set 'sigmas=$(if $(filter all,$(SIGMAS)),all,[$(SIGMAS)])' --set protocol=$(PROTOCOL) \
	  $(if $(RECOMPUTE),--set recompute=true) $(if $(TRAIN),--set 'models=$(TABLE1_MODELS)')

check-harness: $(READY)  ## The authors' own DnCNN-S must give its published PSNR here.
	$(RUN) -m experiments run experiments/check_harness.yaml

train: $(READY)  ## Train (or go on training) the model of PROFILE, by default the released one.
	$(RUN) -m experiments run $(PROFILE_FILE)

# RULE=default | quadratics | mnist
RULE ?= default
RULE_FILE := experiments/meta_train$(if $(filter-out default,$(RULE)),_$(RULE)).yaml

meta-train: $(READY)  ## Meta-train (or go on meta-training) RULE=default, quadratics or mnist.
	$(RUN) -m experiments run $(RULE_FILE)

reproduce-figure3: $(READY)  ## Learned rule and tuned optimizers on quadratic functions.
	$(RUN) -m experiments run experiments/figure3.yaml

reproduce-figure4: $(READY)  ## The same on MNIST, or on bundled digits where MNIST is not to be had.
	$(RUN) -m experiments run experiments/figure4.yaml

# SIZE=small | full
SIZE ?= full

reproduce-meta-dncnn: $(READY)  ## DnCNN trained by the learned rule and by tuned rivals; SIZE=small.
	$(RUN) -m experiments run experiments/meta_dncnn$(if $(filter-out full,$(SIZE)),_$(SIZE)).yaml

train-real: $(READY)  ## Train the network for real photographs: MAXL, real pairs, then MTL.
	$(RUN) -m experiments run experiments/real_pretrain.yaml
	$(RUN) -m experiments run experiments/real_train.yaml
	$(RUN) -m experiments run experiments/real_mtl.yaml

reproduce-real-table2: $(READY)  ## Real photographs, before and after adaptation to each.
	$(RUN) -m experiments run experiments/real_table2.yaml

report: $(READY)  ## results/report.html and report.md: every table and figure of results/, one page.
	$(RUN) -m experiments report

docs: $(READY)   ## build/docs/index.html: the API reference, made of the docstrings.
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(RUN) -m docs

dist: $(READY)   ## Build dist/*.whl and .tar.gz, and try the wheel in an empty environment.
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dist]'
	rm -rf build/lib dist
	$(RUN) -m build
	$(RUN) -m tests.wheel

clean:           ## Remove .venv, what was built and caches; runs/ and results/ stay.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
