"""The schema that is kept in the tree: what clients may rely on. `make api-schema` writes it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from qmc.schema.changes import breaking_changes
from qmc.schema.document import api_schema

KEPT = Path(__file__).resolve().parents[2] / "docs/develop/openapi.json"


def kept_schema() -> dict[str, Any]:
    """The schema as it was kept last."""
    found: dict[str, Any] = json.loads(KEPT.read_text())
    return found


def as_kept() -> str:
    """The text of the file for the present schema."""
    return json.dumps(api_schema(), indent=1, ensure_ascii=False) + "\n"


def keep(*, today: date) -> list[str]:
    """Keep the present schema, unless it would break clients of the one that is kept. Returns what breaks them."""
    text = as_kept()
    broken = breaking_changes(kept_schema(), json.loads(text), today=today) if KEPT.exists() else []
    if not broken:
        KEPT.write_text(text)
    return broken
