"""The board for Grafana: Grafana's own types read it without loss, and it shows metrics that exist."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from jobs.durations import STEPS
from qmc.metrics.pages import DATABASE_UP
from qmc.metrics.requests import DURATIONS, REQUESTS
from qmc.metrics.values import GAUGES

BOARD = Path(__file__).parents[2] / "deploy/grafana/trust-zone-console.json"


@pytest.fixture(scope="module")
def board() -> Any:
    plugins.register_default_plugins()
    return json.loads(BOARD.read_text())


def lost(written: Any, read: Any, place: str = "") -> Iterator[str]:
    """The fields of the file that the types of Grafana do not know, or read as something else."""
    if isinstance(written, dict) and isinstance(read, dict):
        for name, value in written.items():
            yield from lost(value, read[name], f"{place}.{name}") if name in read else [f"{place}.{name}"]
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for number, (value, found) in enumerate(zip(written, read, strict=True)):
            yield from lost(value, found, f"{place}[{number}]")
    elif written != read:
        yield place


def read_by_grafana(board: Any) -> Any:
    return json.loads(JSONEncoder().encode(Dashboard.from_json(board)))


def test_grafanas_types_read_every_field(board: Any) -> None:
    assert list(lost(board, read_by_grafana(board))) == []


@pytest.mark.parametrize(
    "place", [("options",), ("fieldConfig", "defaults"), ("fieldConfig", "defaults", "custom"), ("targets", 0)], ids=str
)
def test_a_field_that_grafana_does_not_know_is_found(board: Any, place: tuple[Any, ...]) -> None:
    changed = copy.deepcopy(board)
    panel = next(panel for panel in changed["panels"] if panel["type"] == "timeseries")
    for name in place:
        panel = panel[name]
    panel["colour"] = "red"
    assert [found.rpartition(".")[2] for found in lost(changed, read_by_grafana(changed))] == ["colour"]


def test_panels_say_what_they_show_and_do_not_overlap(board: Any) -> None:
    places = set()
    for panel in board["panels"]:
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & places, panel["title"]
        places |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 15


def test_every_panel_asks_for_metrics_that_exist(board: Any) -> None:
    known = {*GAUGES, DATABASE_UP, f"{REQUESTS._name}_total"}
    known |= {f"{metric._name}_{part}" for metric in (DURATIONS, STEPS) for part in ("bucket", "count")}
    for panel in board["panels"]:
        asked = {name for target in panel["targets"] for name in re.findall(r"\bqmc_\w+", target["expr"])}
        assert asked, panel["title"]
        assert asked <= known, panel["title"]
