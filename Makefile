# Two commands: `make up` runs everything on this machine, `make test` runs every test. Both install what they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: up install test faults years bench check pictures setup system

up: install
	exec $(BIN)/python manage.py up --agent 127.0.0.2 --agent 127.0.0.3

# What a site needs, and nothing for development.
install: .venv/.console node_modules/.installed

# Python's development mode, without its slow allocator.
test: .venv/.development node_modules/.installed system
	PYTHONDEVMODE=1 PYTHONMALLOC=pymalloc $(BIN)/python -m pytest

# Every fault at every step on both engines, two hundred nodes at once, full disks, and moving house; twenty minutes. `make test` takes a part of it.
faults: .venv/.development node_modules/.installed system
	QMC_WHOLE=1 $(BIN)/python -m pytest -n 0 -p no:randomly --log-cli-level=INFO tests/site/test_many.py tests/site/test_full_disk.py tests/site/test_two_accounts.py tests/site/test_backup.py tests/qmc/test_recreate.py tests/upgrade tests/browser/live/test_root_rotation.py tests/faults

# Five years of renewals and root rotations under a shifted clock; a quarter of an hour.
years: .venv/.development system
	QMC_WHOLE=1 $(BIN)/python -m pytest -n 0 -p no:randomly --log-cli-level=INFO tests/years tests/site/test_recreate.py

bench: .venv/.development node_modules/.installed
	$(BIN)/python -m bench.registration
	$(BIN)/python -m bench.heartbeat
	$(BIN)/python -m bench.fields
	$(BIN)/python -m bench.rotation

check: .venv/.development
	scripts/check

# The pictures of the README, from the walk by mouse.
pictures: .venv/.development node_modules/.installed
	mkdir -p docs/pictures
	QMC_PICTURES=docs/pictures $(BIN)/python -m pytest -n 0 tests/browser -k mouse

setup: .venv/.development node_modules/.installed system

system:
	@scripts/system-packages

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.console: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

.venv/.development: requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@ .venv/.console

node_modules/.installed: package-lock.json
	npm ci --silent
	touch $@
