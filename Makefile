# Needs make and Python 3.10 or newer. The first call installs into .venv (several GB, minutes); the next ones start at once.
PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready

.PHONY: help env demo test bench

help:
	@echo "make demo   a small synthetic rainforest, from recordings to a table of scores"
	@echo "make test   run every notebook as a test"
	@echo "make bench  every stage timed against the original's way of doing it, a quarter of an hour"
	@echo "make env    only install into .venv (remove that folder to start anew)"
	@echo "Also: PYTHON=python3.12 picks the Python to install with, ARGS='...' is passed on to the command."

env: $(READY)

demo: $(READY)
	$(BIN)/rfcx_demo $(ARGS)

bench: $(READY)
	$(BIN)/rfcx_bench --out results/bench.json $(ARGS)

# The notebooks write about 2 GB of recordings and runs into the folder for temporary files: they get one of their own
test: $(READY)
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT INT TERM && TMPDIR=$$tmp OMP_NUM_THREADS=1 $(BIN)/nbdev_test --n_workers 2 $(ARGS)

$(READY): settings.ini setup.py requirements-dev.lock
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" 2>/dev/null || \
	 { echo "$(PYTHON) is missing or older than Python 3.10: name a newer one, as in: make $(or $(MAKECMDGOALS),env) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -c requirements-dev.lock -e '.[dev]'
	@touch $@
