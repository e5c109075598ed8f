"""Python loads this file at the start of every process under a shifted clock.

libfaketime 0.9.10 hands a deadline of `time.sleep` on as if the monotonic clock were shifted too, and the kernel refuses it; `select` sleeps
as well, and is left alone.
"""

import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds)[0] and None
