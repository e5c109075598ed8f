"""The steps name existing functions. A renamed function would end every process of a site under test."""

import functools
import importlib

import pytest

from tests.faults.steps import EVERY_STEP, SHORT, Step


@pytest.mark.parametrize("step", EVERY_STEP, ids=lambda step: step.name)
def test_a_step_names_a_function_that_exists(step: Step) -> None:
    module, _, attribute = step.target.partition(":")
    assert callable(functools.reduce(getattr, attribute.split("."), importlib.import_module(module)))


@pytest.mark.parametrize("module", SHORT)
def test_a_clock_that_is_shortened_exists(module: str) -> None:
    assert set(SHORT[module]) <= vars(importlib.import_module(module)).keys()
