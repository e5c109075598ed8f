"""The list of browser certificates."""

from collections.abc import Callable

import django_tables2 as tables
from django.template.loader import render_to_string

from nodes.models import BrowserCertificate, Node
from pki.core.findings import Finding


class BrowserCertificateTable(tables.Table):
    choosers: dict[str, list[Node]]
    blockers: Callable[[BrowserCertificate], list[Finding]]  # called for the rows on the page
    name = tables.TemplateColumn(template_name="nodes/browser_certificates/cell_name.html", verbose_name="Certificate")
    not_after = tables.TemplateColumn(template_name="nodes/browser_certificates/cell_life.html", verbose_name="Lifetime left")
    state = tables.Column()
    chosen = tables.Column(verbose_name="Chosen for", orderable=False, empty_values=())

    class Meta:
        model = BrowserCertificate
        fields = ("name", "not_after", "state", "chosen")
        order_by = "name"
        empty_text = "No browser certificates yet. Nodes serve the trust zone's own certificate, which browsers do not trust."

    def render_state(self, record: BrowserCertificate) -> str:
        found = self.blockers(record) if record.is_ready else []
        return render_to_string("nodes/browser_certificates/cell_state.html", {"record": record, "blocker": found[0] if found else None})

    def render_chosen(self, record: BrowserCertificate) -> str:
        return ", ".join(str(node) for node in self.choosers.get(str(record.pk), [])) or "no node"
