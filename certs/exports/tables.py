"""The register of exports as a table."""

import uuid
from datetime import datetime

import django_tables2 as tables
from django.template.loader import render_to_string

from certs.exports.status import ExportDetails
from certs.models import Export


class ExportTable(tables.Table):
    now: datetime
    details: dict[uuid.UUID, ExportDetails]
    machine = tables.TemplateColumn(template_name="certs/exports/cell_machine.html", verbose_name="Machine")
    status = tables.Column()
    actor = tables.Column(verbose_name="Made by")
    not_after = tables.TemplateColumn(template_name="certs/exports/cell_expires.html", verbose_name="Expires")
    last_seen_at = tables.TemplateColumn(template_name="certs/exports/cell_seen.html", verbose_name="Last used")

    class Meta:
        model = Export
        fields = ("machine", "status", "actor", "not_after", "last_seen_at")
        order_by = "machine"
        empty_text = "No exports yet. Make one for each machine that has no agent."

    def render_status(self, record: Export) -> str:
        return render_to_string("certs/exports/cell_status.html", {"details": self.details[record.pk]})
