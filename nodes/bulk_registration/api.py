"""Register many nodes in the REST API."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bulk.api import BulkWorkOutput, work_json
from nodes.bulk_registration.services import checks_begin, registration_begin, table_check
from nodes.bulk_registration.table import MOST_LINES, Table
from nodes.inventory.api import NodeInput
from web.api import Input, View, operation
from web.errors import InputInvalid

MOST_ERRORS = 500


class NodesBulkInput(Input):
    nodes = NodeInput(many=True, allow_empty=False, max_length=MOST_LINES, help_text="each as for POST /nodes/")  # type: ignore[call-arg]  # of its list
    check = serializers.BooleanField(default=False, help_text="only run the checks before a registration; nothing is created")


class NodesBulk(View):
    """Register many nodes. All rows are checked first, and one wrong row refuses all. Then a worker registers those that no check blocks."""

    @operation({202: BulkWorkOutput}, body=NodesBulkInput)
    def post(self, request: Request) -> Response:
        table, asked = _table(self.body["nodes"]), self.request_key or uuid.uuid4()
        begin = checks_begin if self.body["check"] else registration_begin
        work = begin(actor=self.actor, table=table, request=asked, now=timezone.now())
        return Response(work_json(work), status=202)


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    """Raises: InputInvalid, which names each wrong field of each row."""
    table = Table()
    for number, row in enumerate(rows, 1):
        table.add(number, dict(row))
    table_check(table)
    errors: dict[str, list[str]] = {}
    for wrong in table.wrong[:MOST_ERRORS]:
        errors.setdefault(f"nodes.{wrong.line - 1}.{wrong.column}", []).append(wrong.text)
    if errors:
        raise InputInvalid(errors)
    return table
