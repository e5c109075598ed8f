"""Problem details as tests read them."""

from typing import Any


def error_fields(problem: dict[str, Any]) -> list[str]:
    """The fields that the errors are about, each once; of a path such as `services.0` its first part."""
    return [*dict.fromkeys(error["field"].partition(".")[0] for error in problem["errors"])]
