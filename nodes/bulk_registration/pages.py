"""Pages that register many nodes: parse, ask a service, render."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from bulk.models import BulkWork
from nodes.bulk_registration.bulk import CHECK
from nodes.bulk_registration.forms import TableForm
from nodes.bulk_registration.services import checked_register, checks_begin, ready_items, table_check
from nodes.bulk_registration.table import Table, table_read
from nodes.bulk_registration.view_models import CheckedPage, table_page
from web.errors import InputInvalid
from web.lists.downloads import TYPES, csv_lines
from web.page import PageRequest, form_id, page

FIRST = 20


@page("nodes.register_node")
def register_many(request: PageRequest) -> HttpResponse:
    """Check a table as a whole. Without an error, the checks of all its nodes begin."""
    request.actor.require("nodes.add_node")
    form, table = TableForm(request.POST or None, request.FILES or None), None
    if form.is_valid():
        content = form.content()
        table = table_read(content)
        table_check(table)
        if "errors" in request.POST:
            return _errors(table)
        if not table.wrong:
            work = checks_begin(actor=request.actor, table=table, request=form_id(request), now=timezone.now())
            return redirect("bulk:detail", pk=work.pk)
        form = TableForm(initial={"table": _typed(content)})
    context = {"page": table_page(table), "form": form, "form_id": form_id(request)}
    return render(request, "nodes/bulk_registration/table.html", context, status=409 if request.method == "POST" else 200)


def _typed(content: bytes) -> str:
    """The content for the form, so that it can be corrected there; empty if it is no text."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""


def _errors(table: Table) -> HttpResponse:
    """All errors as a file."""
    rows = [{"line": wrong.line, "column": wrong.column, "problem": wrong.text} for wrong in table.wrong]
    headers = {"Content-Disposition": 'attachment; filename="errors.csv"'}
    return HttpResponse(csv_lines(iter([rows]), ("line", "column", "problem")), content_type=TYPES["csv"], headers=headers)


@page("nodes.register_node")
def register_checked(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Register the nodes that the checks found ready."""
    request.actor.require("nodes.add_node")
    checks, error = get_object_or_404(BulkWork, pk=pk, action=CHECK.name), ""
    if checks.is_under_way:
        return redirect("bulk:detail", pk=pk)
    if request.method == "POST":
        try:
            return redirect("bulk:detail", pk=checked_register(actor=request.actor, checks=checks, now=timezone.now()).pk)
        except InputInvalid as exc:
            error = str(exc)
    ready = ready_items(checks)
    shown = CheckedPage(checks, ready.count(), [*ready.values_list("label", flat=True)[:FIRST]], error)
    return render(request, "nodes/bulk_registration/checked.html", {"page": shown}, status=409 if error else 200)
