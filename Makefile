# The main targets: `make up` runs a site on this machine, `make test` runs the tests. Both install what they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: up install front-end test faults faults-matrix faults-rotations faults-sites faults-upgrades faults-pages faults-wheels faults-tables wheel years bench lighthouse check api-schema pictures setup system

up: install
	exec $(BIN)/python manage.py up --agent 127.0.0.2 --agent 127.0.0.3

# The packages of a site, without those for development.
install: .venv/.console front-end

# Files of pages from npm packages, also icons. A running site does not need node_modules.
front-end: node_modules/.installed
	@scripts/front-end

# Two wheels in dist/: the agent's, and the console's, which requires it.
wheel: front-end
	@scripts/wheels dist

# Python's development mode, without its slow allocator.
test: .venv/.development front-end system
	PYTHONDEVMODE=1 PYTHONMALLOC=pymalloc $(BIN)/python -m pytest

# Slow tests, by subject. `make test` runs a part of each. Together they take an hour.
SLOW := QMC_SLOW=1 $(BIN)/python -m pytest -n 0 -p no:randomly --log-cli-level=INFO
faults: faults-matrix faults-rotations faults-sites faults-upgrades faults-pages faults-wheels faults-tables

# Every fault at every step of a registration and a renewal, on both engines.
faults-matrix: setup
	$(SLOW) tests/faults/test_matrix.py

# Rotations of root, database key and central key, exports, recreation and repair, each interrupted at every step.
faults-rotations: setup
	$(SLOW) tests/faults --ignore tests/faults/test_matrix.py tests/browser/live

# Whole sites on both engines: two hundred nodes at once, full disks, two accounts, a move to another machine, the silence of the watchdog.
faults-sites: setup
	$(SLOW) tests/site --ignore tests/site/test_recreate.py

# Upgrades of an older site, damaged and foreign databases, and all refusals at the start.
faults-upgrades: setup
	$(SLOW) tests/upgrade

# Every page at both widths.
faults-pages: setup
	$(SLOW) tests/browser/test_looks.py

# A site from the wheels only, without the source tree and without a network.
faults-wheels: setup
	$(SLOW) tests/wheel

# Every row of every table and every example of every property, of what needs no site of its own.
faults-tables: setup
	QMC_SLOW=1 $(BIN)/python -m pytest $(addprefix tests/,pki audit jobs agent certs nodes qmc people bulk web backups storage outbound alerts qrs)

# Five years of renewals and root rotations under a shifted clock; a quarter of an hour.
years: .venv/.development system
	QMC_SLOW=1 $(BIN)/python -m pytest -n 0 -p no:randomly --log-cli-level=INFO tests/years tests/site/test_recreate.py

bench: .venv/.development front-end
	$(BIN)/python -m bench.registration
	$(BIN)/python -m bench.heartbeat
	$(BIN)/python -m bench.fields
	$(BIN)/python -m bench.issuing
	$(BIN)/python -m bench.rotation
	$(BIN)/python -m bench.nudges
	$(BIN)/python -m bench.fleet

# Pages in a browser: performance as Lighthouse scores it, and bytes. Lighthouse has its own packages, which nothing else needs.
lighthouse: .venv/.development front-end system
	npm ci --silent --prefix bench/lighthouse
	$(BIN)/python -m bench.lighthouse

check: .venv/.development
	scripts/check

# The schema that is kept in the tree. It refuses changes that break clients.
api-schema: .venv/.development
	$(BIN)/python scripts/keep-api-schema

# The pictures of the README, from the walk by mouse.
pictures: .venv/.development front-end
	mkdir -p docs/pictures
	QMC_PICTURES=docs/pictures $(BIN)/python -m pytest -n 0 tests/browser -k mouse

setup: .venv/.development front-end system

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
