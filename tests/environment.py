"""The environment of the tests, set before Django loads: each test process has a data directory of its own, and pages have current icons."""

import os
import subprocess
import sys
import tempfile

# Where the length of keys does not matter: making and checking longer ones costs seconds.
QUICK = {"QMC_KEY_TYPES": "service=RSA-2048,cluster=RSA-2048"}
os.environ |= QUICK | {"QMC_DATA_DIR": tempfile.mkdtemp(prefix="qmc-tests-")}
# What tests start loads compiled modules, whatever the surroundings say: compiling all costs a process a quarter of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
if "PYTEST_XDIST_WORKER" not in os.environ:
    subprocess.run([sys.executable, "scripts/front-end"], check=False)  # without npm's packages, the tests of pages fail, and no others
