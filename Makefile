# Every target makes the environment it needs: the first one you type works on a fresh machine.
.DEFAULT_GOAL := help
.PHONY: help setup test fuzz chaos lint bench reproduce-table1 check-harness train meta-train \
  reproduce-figure3 reproduce-figure4 reproduce-meta-dncnn reproduce-ablation reproduce-transfer train-real \
  reproduce-real-table1 reproduce-real-table2 reproduce-real-table3 reproduce-real report test-report docs dist clean

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
# pip and the runs show how far they are on a terminal, and are quiet elsewhere; VERBOSE=1 tells more.
PIP := $(RUN) -m pip install --disable-pip-version-check $(if $(MAKE_TERMOUT),,--quiet)
EXPERIMENT = $(RUN) -m experiments run $(if $(call on,VERBOSE),--verbose)
# $(call one_of,NAME,VALUES): ends with one line where the variable has none of the values.
one_of = $(if $(filter $2,$($1)),,$(error $1=$($1): must be one of: $2))
# $(call on,NAME): whether a switch is on: NAME=1 turns it on, NAME=0 and NAME=no off.
on = $(filter-out 0 no,$($1))
, := ,

help:            ## Show this list.
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z0-9-]*\): *.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 26
	@echo "Options, after the target as NAME=VALUE, with their defaults (0 is off, 1 is on):"
	@echo "  SIGMAS=15,25,50   noise levels; all: the paper's twelve"
	@echo "  PROTOCOL=honest   or paper: with the paper's two mistakes"
	@echo "  CLASSICAL=yes     or no: the networks without NLM, K-SVD and BM3D"
	@echo "  RECOMPUTE=0       1: NLM, K-SVD and BM3D measured anew, not as they are kept"
	@echo "  TRAIN=0           1: the network of PROFILE trained first, and measured in place of those released"
	@echo "  PROFILE=released  or meta (by the learned optimizer), small, paper (as the paper trains, for"
	@echo "                    a GPU); of train-real: released or paper"
	@echo "  RULE=default      or lengths, quadratics, mnist, wide"
	@echo "  SIZE=full         for a GPU; or short, long, rivals, depth20, filters96"
	@echo "  PART=             all; or some of training, inference, pipeline, learned_optimizer,"
	@echo "                    meta_training, adaptation, memory, as PART='inference memory'"
	@echo "  TORCH=0           1: PyTorch measured beside ours, installed where it is not"
	@echo "  VERBOSE=0         1: a line for every epoch, and for every optimizer that is tried"
	@echo "  PYTHON=python3    what .venv is made with, of version 3.11 to 3.13"
	@echo "Data: DENOISE_DATA=FOLDER names a folder that holds bsd400/ bsd68/ set12/ bsds500/{train,val,test}/"
	@echo "      mnist/ and div2k/; what is missing there is downloaded, but for the pairs of real noise"
	@echo "      (polyu/ nam_cc15/ sidd_small/ nam/) and the authors' weights (official_dncnn/)."
	@echo "      Prepared copies: DENOISE_CACHE."
	@echo "Ctrl-C ends any of them; a run says how to go on."

setup: $(READY)  ## Make .venv and install the package with its test tools.

$(READY): setup.cfg setup.py
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else \
	  f"error: Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}; try make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[test]'
	@touch $@

test: $(READY)   ## Run the tests (no data, network or GPU needed).
	$(RUN) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

fuzz: $(READY)   ## 10,000 bad inputs: none may end in a traceback, a hang or half a file.
	$(RUN) -m tests.fuzz

chaos: $(READY)  ## 20 each: killed runs of three kinds, damaged files, a full disk, Ctrl-C.
	$(RUN) -m tests.chaos

lint: $(READY)   ## Check style and formatting with ruff, and types with mypy.
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: $(READY)  ## Measure speed and memory. Options: PART, TORCH.
	$(if $(call on,TORCH),$(PIP) torch,)
	$(RUN) -m benchmarks $(PART)

# SIGMAS=15,25,50 | all   PROTOCOL=honest | paper   CLASSICAL=no   RECOMPUTE=1   TRAIN=1 [PROFILE=released | meta | paper | small]
SIGMAS ?= 15,25,50
PROTOCOL ?= honest
CLASSICAL ?= yes
PROFILE ?= released
PROFILES := released meta small paper
PROFILE_FILE := experiments/dncnn_blind$(if $(filter-out released,$(PROFILE)),_$(PROFILE)).yaml
# The released networks are trained in three stages, each from where the one before it ends.
STAGES := $(if $(filter released meta,$(PROFILE)),$(PROFILE_FILE:.yaml=_first.yaml) $(PROFILE_FILE:.yaml=_second.yaml)) $(PROFILE_FILE)
TRAIN_STAGES = $(foreach file,$(STAGES),$(EXPERIMENT) $(file) &&) true
PROFILE_NAME := dncnn-blind$(if $(filter-out released,$(PROFILE)),-$(PROFILE))
TABLE1_MODELS = [runs/$(PROFILE_NAME)/$(PROFILE_NAME).weights.h5]
# A table of another network, or of other sigmas, must not replace the one that is published.
TABLE1_USUAL = $(filter $(if $(filter yes,$(CLASSICAL)),15$(,)25$(,)50,all),$(SIGMAS))
TABLE1_NAME = table1$(if $(TABLE1_USUAL),,-sigma-$(subst .,p,$(subst $(,),-,$(SIGMAS))))$(if $(call on,TRAIN),-$(PROFILE_NAME))

reproduce-table1: $(READY)  ## Tables 1 to 3. Options: SIGMAS, PROTOCOL, CLASSICAL, RECOMPUTE, TRAIN, PROFILE.
	$(call one_of,CLASSICAL,yes no)$(call one_of,PROTOCOL,honest paper)$(call one_of,PROFILE,$(PROFILES))
	$(if $(or $(call on,TRAIN),$(filter released,$(PROFILE))),,$(error PROFILE=$(PROFILE) needs TRAIN=1))
	$(if $(call on,TRAIN),$(TRAIN_STAGES))
	$(if $(and $(call on,RECOMPUTE),$(filter yes,$(CLASSICAL))),$(PIP) --editable '.[bm3d]' || \
	  echo "bm3d could not be installed: without it there is no column of BM3D")
	$(EXPERIMENT) experiments/table1.yaml --set 'name=$(TABLE1_NAME)' \
	  --set 'sigmas=$(if $(filter all,$(SIGMAS)),all,[$(SIGMAS)])' --set protocol=$(PROTOCOL) \
	  $(if $(filter no,$(CLASSICAL)),--set classical=false) $(if $(call on,RECOMPUTE),--set recompute=true) \
	  $(if $(call on,TRAIN),--set 'models=$(TABLE1_MODELS)')

check-harness: $(READY)  ## The authors' own DnCNN-S must give its published PSNR here.
	$(EXPERIMENT) experiments/check_harness.yaml

train: $(READY)  ## Train a DnCNN, or go on training it. Option: PROFILE.
	$(call one_of,PROFILE,$(PROFILES))$(TRAIN_STAGES)

# RULE=default | lengths | quadratics | mnist | wide
RULE ?= default
RULE_FILE := experiments/meta_train$(if $(filter-out default,$(RULE)),_$(RULE)).yaml

meta-train: $(READY)  ## Meta-train a rule, or go on meta-training it. Option: RULE.
	$(call one_of,RULE,default lengths quadratics mnist wide)$(EXPERIMENT) $(RULE_FILE)

reproduce-figure3: $(READY)  ## Learned rule and tuned optimizers on quadratic functions.
	$(EXPERIMENT) experiments/figure3.yaml

reproduce-figure4: $(READY)  ## The same on MNIST, or on bundled digits where MNIST is not to be had.
	$(EXPERIMENT) experiments/figure4.yaml

# SIZE=full | short | long | rivals | depth20 | filters96
SIZE ?= full

reproduce-meta-dncnn: $(READY)  ## DnCNN trained by the learned rules and by tuned rivals. Option: SIZE.
	$(call one_of,SIZE,full short long rivals depth20 filters96)$(EXPERIMENT) experiments/meta_dncnn$(if $(filter-out full,$(SIZE)),_$(SIZE)).yaml

reproduce-ablation: $(READY)  ## DnCNN trained by rules that lack parts of the default one, meta-trained first.
	$(EXPERIMENT) experiments/meta_dncnn_ablation.yaml

reproduce-transfer: $(READY)  ## The learned rules on networks unlike those they were meta-trained on.
	$(EXPERIMENT) experiments/transfer.yaml

# PROFILE=released | paper
PAPER := $(filter paper,$(PROFILE))
train-real: $(READY)  ## Train the network for photographs, or go on training it. Option: PROFILE.
	$(call one_of,PROFILE,released paper)$(EXPERIMENT) experiments/real_pretrain$(PAPER:%=_%).yaml
	$(if $(PAPER),,$(EXPERIMENT) experiments/real_train.yaml)
	$(EXPERIMENT) experiments/real_transfer$(PAPER:%=_%).yaml
	$(if $(PAPER),,$(EXPERIMENT) experiments/real_residual_scale.yaml)

reproduce-real-table1: $(READY)  ## Photographs: architecture and auxiliary loss, ten minutes each.
	$(EXPERIMENT) experiments/real_table1.yaml

reproduce-real-table2: $(READY)  ## Photographs: before and after adaptation, RIDNet and MIRNet.
	$(EXPERIMENT) experiments/real_table2.yaml

reproduce-real-table3: $(READY)  ## Photographs: ablation of meta-transfer learning, ten minutes each.
	$(EXPERIMENT) experiments/real_table3.yaml

# One after the other, as each uses all cores.
reproduce-real: $(READY)  ## Photographs: all three tables.
	$(EXPERIMENT) experiments/real_table1.yaml
	$(EXPERIMENT) experiments/real_table2.yaml
	$(EXPERIMENT) experiments/real_table3.yaml

report: $(READY)  ## results/report.html and report.md: every table and figure of results/, one page.
	$(RUN) -m experiments report

test-report: $(READY)  ## Try the report in a headless browser, downloaded where there is none.
	$(PIP) --editable '.[browser]'
	for name in chromium chromium-browser google-chrome chrome; do command -v $$name && exit; done; \
	  $(RUN) -m playwright install chromium
	$(RUN) -m pytest -rs tests/experiments/test_report.py

docs: $(READY)   ## build/docs/index.html: the API reference, made of the docstrings.
	$(PIP) --editable '.[docs]'
	$(RUN) -m docs

dist: $(READY)   ## Build dist/*.whl and .tar.gz, and try the wheel in an empty environment.
	$(PIP) --editable '.[dist]'
	rm -rf build/lib dist
	$(RUN) -m build
	$(RUN) -m tests.wheel

clean:           ## Remove .venv, what was built and caches; runs/ and results/ stay.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
