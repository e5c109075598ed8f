"""Scripts, marks that change the direction of text, and 64 letters, in every name: each is refused with a reason, or shown as text."""

from typing import Any

import pytest

from tests import factories

SCRIPT, BIDI, LONG = "<script>alert(1)</script>", "rim\u202egnp.exe", "W" * 64
MARKS = [chr(mark) for mark in (0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
# Where text is taken: the fields of one object with `TEXT` in place of the text.
TEXT = "TEXT"
TAKEN: dict[str, list[dict[str, Any]]] = {
    "nodes": [
        {"name": TEXT, "host_name": "a.example"}, {"name": "b", "host_name": "b.example", "notes": TEXT}, {"name": "c", "host_name": "c.example", "tags": [TEXT]},
        {"name": "d", "host_name": TEXT}, {"name": "e", "host_name": "e.example", "subject_alternative_names": [TEXT]},
    ],
    "connections": [{"name": TEXT, "type": "odbc", "connection_string": "x"}, {"name": "b", "type": "odbc", "connection_string": TEXT, "username": TEXT}],
    "alert-channels": [{"name": TEXT, "kind": "webhook", "values": {"url": "https://hooks.example/q"}}],
    "people": [{"username": TEXT}],
    "tokens": [{"name": TEXT}],
    "exports": [{"format": "pem", "machine_names": [TEXT]}],
    "deployments": [{"name": TEXT, "api_address": "https://cloud.example", "audience": TEXT}],
    "syslog-receivers": [{"name": TEXT, "host": "logs.example"}],
}  # fmt: skip
PAGES = (
    "/", "/nodes/", "/nodes/?tag={text}&search={text}", "/connections/", "/alerts/channels/", "/people/", "/tokens/", "/exports/", "/cluster/", "/settings/syslog/", "/audit/", "/certificates/?search={text}",
    "/expiry/?search={text}",
)  # fmt: skip


def put(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {name: put(inner, text) for name, inner in value.items()}
    return [put(inner, text) for inner in value] if isinstance(value, list) else value.replace(TEXT, text)


@pytest.mark.usefixtures("site_directory")
@pytest.mark.parametrize("text", [SCRIPT, BIDI, LONG], ids=["script", "direction", "64 letters"])
def test_text_is_refused_or_shown_as_text(text: str) -> None:
    client = factories.administrator()
    for name, bodies in TAKEN.items():
        for body in bodies:
            answer = client.post(f"/api/v1/{name}/", put(body, text), content_type="application/json", secure=True)
            assert answer.status_code in (201, 202, 400), (name, body, answer.content)
    for page in PAGES:
        answer = client.get(page.replace("{text}", text), secure=True)
        shown = answer.content.decode()
        assert answer.status_code == 200, page
        assert "<script>alert" not in shown, page
        assert page.endswith("{text}") or not any(mark in shown for mark in MARKS), page


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: f"U+{ord(mark):04X}")
def test_no_mark_is_taken_in_a_node(mark: str, site_directory: object) -> None:
    client = factories.administrator()
    for body in TAKEN["nodes"]:
        answer = client.post("/api/v1/nodes/", put(body, f"a{mark}b"), content_type="application/json", secure=True)
        assert answer.status_code == 400, body
