"""Loaded before Django: every test process, one of several at once, has a data folder of its own."""

import os
import tempfile

os.environ["QMC_DATA_DIR"] = tempfile.mkdtemp(prefix="qmc-tests-")
