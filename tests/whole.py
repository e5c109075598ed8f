"""What takes minutes runs in `make faults` and `make years`; `make test` leaves it out."""

import os

import pytest

WHOLE = bool(os.environ.get("QMC_WHOLE"))
takes_minutes = pytest.mark.skipif(not WHOLE, reason="takes minutes: `make faults` and `make years` run it")
