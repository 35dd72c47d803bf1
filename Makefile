# Commands for development. Everything is installed in .venv, which is created if it is missing.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint format docs bench mutants fuzz clean

demo: $(READY)
	@cd fixtures/demo && ../../$(BIN)/imglint --fail-on never

test: lint
	scripts/system-packages
	scripts/peers
	$(BIN)/pytest -q --numprocesses auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/python -c 'from imglint.commands.rules import page; print(page(), end="")' >docs/rules.md
	$(BIN)/python scripts/screenshot

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# Compare the speed with other tools. TREE=/path measures a repository of yours, SIZE=500 a smaller generated tree, ONLY="start-up walk" some sections.
bench: $(READY)
	@$(BIN)/python -m bench $(if $(TREE),--tree $(TREE)) $(if $(SIZE),--size $(SIZE)) $(addprefix --only ,$(ONLY))

# Mutation testing. ONLY="tag_patterns rules" runs some groups of modules, JOBS=1 uses one core.
mutants: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[mutation]'
	@JOBS=$(JOBS) $(BIN)/python scripts/mutants $(ONLY)

# Fuzzing, each target for 20 seconds or SECONDS=600. It stops at the first failing input, which is kept in build/fuzz.
fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@for target in reference dockerfile buildkit yaml hidden policy fix; do $(BIN)/python -m fuzz $$target $(or $(SECONDS),20) || exit; done

clean:
	rm -rf .venv build dist linter/*.egg-info
