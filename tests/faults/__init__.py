import pytest

pytest.register_assert_rewrite("tests.faults.trials")  # so that its assertions say what they found
