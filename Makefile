# `make demo` and `make test` each work as the first command on a fresh machine with Python 3.11.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
TORCH := $(VENV)/.torch
CORE := $(VENV)/.core
STAMP := $(VENV)/.installed
SITE := $(VENV)/.site
PIP := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt
WAIT := -o DPkg::Lock::Timeout=300
# Where bytecode may not be kept, each of the many processes here compiles torch and all else anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test suite lint system docs commands pictures clean

demo: $(CORE)
	@echo "Demo: 32 generated scenarios of 15 s, three planners"
	@$(BIN)/bevdrive simulate --preset configs/simulate/demo.yaml

# What waits for a network or holds one core only goes on beside something else.
test:
	$(MAKE) -j 2 $(STAMP) system
	$(MAKE) -j 2 lint suite

suite: $(STAMP) system
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations 25 -q

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# The report is tested in a browser; Open3D draws with Mesa's Vulkan on the processor, its window in a
# virtual display. Without these packages, and without the right to install them, those tests skip.
PACKAGES := chromium xvfb libgl1 libegl1 libx11-6 libgomp1 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers

system:
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || { test "$$(id -u)" = 0 && apt-get $(WAIT) update -qq && \
		apt-get $(WAIT) install -y -qq $(PACKAGES) >/dev/null; } || true

# The site, into build/site; a broken link is an error.
docs: $(SITE)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Every command of README and docs, in small, two pages at a time.
commands: system $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python docs/commands.py

# The pictures of README and docs; DATA: nuScenes mini scenes as ScenarioNet converts them.
pictures: system $(STAMP)
	$(BIN)/python docs/pictures.py $(DATA)

# Python 3.11's own pip takes three times as long to resolve all extras. torch is named with its version:
# unpinned, it pulls gigabytes of CUDA.
$(TORCH): constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "bevdrive needs $(PYTHON)"; exit 1; }
	@echo "Creating $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); test "$$(id -u)" = 0 && apt-get $(WAIT) update -qq && \
		apt-get $(WAIT) install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }
	@echo "Installing torch (a download of 190 MB)"
	@$(PIP) --upgrade pip
	@$(PIP) torch==2.13.0
	@touch $@

$(CORE): $(TORCH) pyproject.toml
	@echo "Installing bevdrive's core, and ffmpeg for films (200 MB)"
	@$(PIP) -e . imageio-ffmpeg
	@touch $@

$(STAMP): $(TORCH) pyproject.toml
	@echo "Installing bevdrive with all extras and tools (800 MB)"
	@$(PIP) -e '.[dev]'
	@touch $(CORE) $@

$(SITE): $(STAMP)
	@$(PIP) -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
