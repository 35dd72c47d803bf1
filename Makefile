# What a contributor types. Everything is built in .venv, which is made where it is missing; nothing has to be installed by hand.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test lint format docs bench mutants fuzz clean

demo: $(READY)
	@cd fixtures/demo && ../../$(BIN)/imglint --fail-on never

test: lint
	scripts/system-packages
	scripts/peers
	$(BIN)/pytest -q

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/python -c 'from imglint.commands.rules import page; print(page(), end="")' >docs/rules.md

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# The speed beside its peers: TREE=/path measures a checkout of yours, SIZE=500 a smaller tree that is made, ONLY="start-up walk" some sections.
bench: $(READY)
	@$(BIN)/python -m bench $(if $(TREE),--tree $(TREE)) $(if $(SIZE),--size $(SIZE)) $(addprefix --only ,$(ONLY))

# Mutation testing of the lookup: ONLY="tag_patterns rules" takes some groups of modules, JOBS=1 one core.
mutants: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[mutation]'
	@JOBS=$(JOBS) $(BIN)/python scripts/mutants $(ONLY)

# Fuzzing, each target for 20 seconds, or SECONDS=600. An input that breaks a promise is kept in build/fuzz and ends it.
fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@for target in reference dockerfile yaml policy; do $(BIN)/python -m fuzz $$target $(or $(SECONDS),20) || exit; done

clean:
	rm -rf .venv build dist linter/*.egg-info
