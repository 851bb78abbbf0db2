# Two commands do everything: `make demo` and `make test`. Each sets up what it needs, once.

EMACS_PACKAGE ?= emacs-nox
EMACS ?= emacs
PYTHON ?= python3
PEN_CORPUS ?= ../shared/data/public-domain
VENV := .venv
RUN := $(VENV)/bin/python
SUITE := $(RUN) -m pytest -n 2 --dist worksteal
export EMACS EMACS_PACKAGE PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-elisp check lint stubs info bench base soak clean
.DELETE_ON_ERROR:

help:  ## show this list
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

setup: $(VENV)/.stamp-test  ## install Debian packages that are missing, then .venv

$(VENV)/.stamp: pyproject.toml constraints.txt .ci/setup
	@.ci/setup run
	@touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp
	@.ci/setup test
	@touch $@

demo: $(VENV)/.stamp  ## fine-tune pen-tiny on the shipped puns in batch Emacs; writes demo/report.org
	@$(RUN) -P demo/run.py

test: $(VENV)/.stamp-test  ## lint and every test but soak and ray (under 10 minutes on 2 cores)
	@$(MAKE) --no-print-directory lint
	@$(SUITE) -m "not soak and not ray"

test-elisp: $(VENV)/.stamp-test  ## lint and test the Lisp alone, with another Emacs by EMACS=/path/to/emacs
	@$(EMACS) -Q --batch -l tests/elisp/lint.el
	@$(SUITE) tests/elisp

check: $(VENV)/.stamp-test  ## lint and the quick tests (half a minute)
	@$(MAKE) --no-print-directory lint
	@$(SUITE) -m "not slow and not reliability and not soak and not ray"

lint: $(VENV)/.stamp-test  ## ruff, mypy --strict, byte-compile and checkdoc
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(EMACS) -Q --batch -l tests/elisp/lint.el

stubs: $(VENV)/.stamp  ## regenerate what Emacs knows of methods and definitions, and prompts/schema.json
	@$(RUN) -P -m pen_backend.transports.elisp_stubs elisp/pen-rpc-methods.el
	@$(RUN) -P -m pen_backend.transports.elisp_prompts elisp/pen-prompts.el
	@$(RUN) -P -m pen_backend.prompts.json_schema prompts/schema.json

info:  ## make docs/pen.info, the manual for Emacs, and docs/dir, its entry for C-h i
	@command -v makeinfo >/dev/null && command -v install-info >/dev/null || \
		{ echo "info: makeinfo and install-info are needed; install texinfo (so Debian calls it), then run make info again" >&2; exit 1; }
	@$(EMACS) -Q --batch docs/pen.org -l ox-texinfo --eval "(let (make-backup-files) (org-texinfo-export-to-texinfo))"
	@cd docs && makeinfo --no-split --output=pen.info pen.texi && install-info --quiet pen.info dir

bench: $(VENV)/.stamp-test  ## measure the figures; prints a table, writes bench/results.json
	@$(RUN) -m bench

bench-%: $(VENV)/.stamp-test
	@$(RUN) -m bench $*

soak: $(VENV)/.stamp-test  ## the long reliability runs
	@$(RUN) -m pytest -m soak

base: $(VENV)/.stamp  ## pre-train pen-tiny again (some hours; goes on where it stopped) into build/pen-tiny; needs PEN_CORPUS
	@mkdir -p build
	$(RUN) -P -m pen_backend.engine.pretrain --corpus $(PEN_CORPUS) --out build/pen-tiny

clean:  ## remove everything that was made, .venv included
	rm -rf $(VENV) build demo/state demo/report.org demo/*.svg bench/results.json *.egg-info docs/dir docs/pen.info docs/pen.texi
	find . -name __pycache__ -prune -exec rm -rf {} +
	find elisp tests -name '*.elc' -delete
