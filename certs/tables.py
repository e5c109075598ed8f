"""The certificates and the register of exports as tables."""

import uuid
from datetime import datetime

import django_tables2 as tables
from django.template.loader import render_to_string
from django.utils.timezone import now as clock

from certs.models import Certificate, Export
from certs.services.export_standing import Standing


class CertificateTable(tables.Table):
    now: datetime
    subject = tables.TemplateColumn(template_name="certs/cell_subject.html", verbose_name="Certificate")
    kind = tables.Column()
    holder = tables.Column(default="")
    not_after = tables.TemplateColumn(template_name="certs/cell_life.html", verbose_name="Lifetime left")
    status = tables.TemplateColumn(template_name="certs/cell_status.html")

    class Meta:
        model = Certificate
        fields = ("subject", "kind", "holder", "not_after", "status")
        order_by = "not_after"
        empty_text = "No certificates yet."

    def before_render(self, request: object) -> None:
        self.now = getattr(self, "now", None) or clock()


class ExportTable(tables.Table):
    now: datetime
    standings: dict[uuid.UUID, Standing]
    machine = tables.TemplateColumn(template_name="exports/cell_machine.html", verbose_name="Machine")
    status = tables.Column()
    actor = tables.Column(verbose_name="Made by")
    not_after = tables.TemplateColumn(template_name="exports/cell_ends.html", verbose_name="Ends")
    last_seen_at = tables.TemplateColumn(template_name="exports/cell_seen.html", verbose_name="Last seen used")

    class Meta:
        model = Export
        fields = ("machine", "status", "actor", "not_after", "last_seen_at")
        order_by = "machine"
        empty_text = "No exports yet. Make one for each machine that has no agent."

    def render_status(self, record: Export) -> str:
        return render_to_string("exports/cell_status.html", {"standing": self.standings[record.pk]})
