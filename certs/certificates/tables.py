"""Certificates as a table."""

from datetime import datetime

import django_tables2 as tables
from django.utils.timezone import now as clock

from certs.models import Certificate


class CertificateTable(tables.Table):
    now: datetime
    subject = tables.TemplateColumn(template_name="certs/certificates/cell_subject.html", verbose_name="Certificate")
    kind = tables.Column()
    holder = tables.Column(default="")
    not_after = tables.TemplateColumn(template_name="certs/certificates/cell_life.html", verbose_name="Lifetime left")
    status = tables.TemplateColumn(template_name="certs/certificates/cell_status.html")

    class Meta:
        model = Certificate
        fields = ("subject", "kind", "holder", "not_after", "status")
        order_by = "not_after"
        empty_text = "No certificates yet."

    def before_render(self, request: object) -> None:
        self.now = getattr(self, "now", None) or clock()
