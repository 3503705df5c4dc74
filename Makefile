# Two commands need nothing but python3 and make: `make run` and `make test`. Each sets up what it needs.
PYTHON ?= python3
UV_VERSION := 0.13.8
UV := .uv/bin/uv
PY := .venv/bin/python
LOCKED := .venv/.locked
STAMP := .venv/.synced
# A new entry point of an editable package counts only once the package is installed again.
PLUGINS := plugins.txt $(wildcard $(shell sed -nE 's!^(-e|--editable)[ =]+(.*[^/])/*$$!\2/pyproject.toml!p' plugins.txt 2>/dev/null))

# jaxtyping's hook with beartype. Not over tests of bad input, where it would answer before our own errors.
CHECKER := poet,shape_checker.checker
TYPED := tests/contracts tests/archives/test_contract.py tests/search/poet/test_poet.py -k 'not impossible'

.PHONY: run install test test-ci test-slow typed lint types notebooks notebooks-save lock cuda gymnax test-gymnax bench-qd clean help

run: $(STAMP)  ## the main job: a small POET run on the walker, with pictures; called again, it resumes
	@.venv/bin/poet run laptop --name laptop

install: $(STAMP)  ## what every target does first: .venv with what the lock and plugins.txt name

test: $(STAMP)  ## the default tests, under five minutes
	@$(PY) -m pytest -n auto --dist worksteal

test-ci: $(STAMP)  ## what CI runs besides them: examples, more options, pages
	@$(PY) -m pytest -n auto --dist worksteal -m "ci and not slow"

test-slow: $(STAMP)  ## all tests: kills at random moments, physics against Box2D
	@$(PY) -m pytest -n auto --dist worksteal -m ""

typed: $(STAMP)  ## contract tables and decision tests once more, with every shape and dtype annotation checked
	@$(PY) -m pytest -n auto --dist worksteal --jaxtyping-packages='$(CHECKER)' $(TYPED)

lint: $(STAMP)
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

types: $(STAMP)
	@$(PY) -m pyright

notebooks: $(STAMP)
	@$(PY) -m pytest -n auto --nbmake --nbmake-timeout=600 notebooks

notebooks-save: $(STAMP)  ## run the notebooks and save their outputs, after a change of what they show
	@$(PY) notebooks/save_outputs.py

# A private environment holds uv alone: an exact sync of .venv would remove it from there.
$(UV):
	@echo "fetching uv $(UV_VERSION), which installs the rest"
	@rm -rf .uv && $(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# A sync that was killed leaves packages that look installed and are not, so without a stamp start with an empty environment.
$(LOCKED): $(UV) requirements.lock
	@echo "setting up .venv: downloading and installing about 100 packages"
	@[ -f $@ ] || rm -rf .venv
	@rm -f $@
	@[ -d .venv ] || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip sync --python $(PY) --require-hashes requirements.lock
	@touch $@

plugins.txt:
	@echo "# What \`make\` installs in .venv besides the lock, one a line: \`-e ../folder\`, or \`package==1.2\` from an index." > $@

# The sync removes what plugins.txt no longer names. The lock's versions stay, and so does this package: its name is not
# looked up in an index.
$(STAMP): $(LOCKED) pyproject.toml $(PLUGINS)
	@rm -f $@
	@$(UV) pip sync --quiet --python $(PY) --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(PY) --no-deps --editable .
	@! grep -q '^[^#]' plugins.txt || \
		$(UV) pip install --python $(PY) --constraint requirements.lock --editable . --requirements plugins.txt || \
		{ echo "plugins.txt does not fit the versions in requirements.lock, or cannot be installed: change it" >&2; exit 1; }
	@touch $@

lock: $(UV)  ## resolve again; the lock is universal, hashed, and names no index
	@$(UV) pip compile pyproject.toml --quiet --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --output-file requirements.lock
	@echo 'pytest>=9' | $(UV) pip compile pyproject.toml - --quiet --extra gymnax --extra xland-minigrid --extra craftax --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --output-file requirements-gymnax.lock

cuda: $(UV) plugins.txt  ## the same with jax's CUDA plugin, in .venv-cuda
	@[ -d .venv-cuda ] || $(UV) venv --quiet --python $(PYTHON) .venv-cuda
	@$(UV) pip install --quiet --compile-bytecode --python .venv-cuda/bin/python --constraint requirements.lock --editable '.[cuda]' --requirements plugins.txt
	@echo ".venv-cuda/bin/poet run paper --name paper"

.venv-gymnax/.synced: $(UV) requirements-gymnax.lock pyproject.toml
	@[ -d .venv-gymnax ] || $(UV) venv --quiet --python $(PYTHON) .venv-gymnax
	@$(UV) pip sync --quiet --compile-bytecode --python .venv-gymnax/bin/python --require-hashes requirements-gymnax.lock
	@$(UV) pip install --quiet --python .venv-gymnax/bin/python --no-deps --editable .
	@touch $@

gymnax: .venv-gymnax/.synced  ## environments of gymnax, XLand-MiniGrid and Craftax, in .venv-gymnax: they do not fit the tests' packages
	@echo ".venv-gymnax/bin/poet run laptop --generator gymnax-acrobot"

test-gymnax: .venv-gymnax/.synced  ## tests of the adapters of these libraries, in that environment
	@.venv-gymnax/bin/python -m pytest tests/envs/adapters tests/search/go_explore/test_minigrid.py

# The peers of quality-diversity, each in an environment of its own, with the lock's versions of what both need.
.venv-qdax: PEER := qdax==0.5.0
.venv-pyribs: PEER := ribs==0.12.0
.venv-qdax .venv-pyribs: | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) $@.tmp
	@$(UV) pip install --quiet --compile-bytecode --python $@.tmp/bin/python --constraint requirements.lock $(PEER)
	@mv $@.tmp $@

bench-qd: $(STAMP) | .venv-qdax .venv-pyribs  ## archives and MAP-Elites beside QDax and pyribs; hours, resumes where it stopped
	@$(PY) -m benchmarks.quality_diversity all

clean:
	rm -rf .venv .venv-cuda .venv-gymnax .venv-qdax .venv-pyribs .uv .pytest_cache .ruff_cache

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
