"""Nodes, connections, browser-facing certificates, and what nodes hold of the cluster certificate as tables."""

from collections.abc import Callable

import django_tables2 as tables
from django.template.loader import render_to_string

from nodes.models import BrowserCertificate, Connection, Node
from nodes.services.connections import password_told
from pki.findings import Finding


class NodeTable(tables.Table):
    name = tables.TemplateColumn(template_name="nodes/cell_name.html", verbose_name="Node")
    state = tables.TemplateColumn(template_name="nodes/cell_state.html")
    seen = tables.TemplateColumn(template_name="nodes/cell_seen.html", verbose_name="Last call", order_by="observation__last_seen_at")
    address = tables.TemplateColumn(template_name="nodes/cell_address.html")
    services = tables.TemplateColumn(template_name="nodes/cell_services.html", orderable=False)

    class Meta:
        model = Node
        fields = ("name", "state", "seen", "address", "services")
        order_by = "name"
        empty_text = "No nodes yet. Register the first one."


class ConnectionTable(tables.Table):
    versions: dict[str, int]
    name = tables.TemplateColumn(template_name="connections/cell_name.html", verbose_name="Connection")
    type = tables.TemplateColumn(template_name="connections/cell_type.html")
    username = tables.Column(verbose_name="User name", default="none")
    password = tables.Column(default="not set", orderable=False)
    changed_at = tables.TemplateColumn(template_name="connections/cell_changed.html", verbose_name="Changed")

    class Meta:
        model = Connection
        fields = ("name", "type", "username", "password", "changed_at")
        order_by = "name"
        empty_text = "No connections yet. Every registered node can read the ones that you create."

    def render_password(self, record: Connection) -> str:
        return password_told(record.password, self.versions)


class BrowserCertificateTable(tables.Table):
    choosers: dict[str, list[Node]]
    blockers: Callable[[BrowserCertificate], list[Finding]]  # asked for the rows that are shown
    name = tables.TemplateColumn(template_name="browser_certificates/cell_name.html", verbose_name="Certificate")
    not_after = tables.TemplateColumn(template_name="browser_certificates/cell_life.html", verbose_name="Lifetime left")
    state = tables.Column()
    chosen = tables.Column(verbose_name="Chosen for", orderable=False, empty_values=())

    class Meta:
        model = BrowserCertificate
        fields = ("name", "not_after", "state", "chosen")
        order_by = "name"
        empty_text = "None yet. Nodes serve the trust zone's own certificate to browsers, which people's browsers do not know."

    def render_state(self, record: BrowserCertificate) -> str:
        found = self.blockers(record) if record.is_ready else []
        return render_to_string("browser_certificates/cell_state.html", {"record": record, "blocker": found[0] if found else None})

    def render_chosen(self, record: BrowserCertificate) -> str:
        return ", ".join(str(each) for each in self.choosers.get(str(record.pk), [])) or "no node"


class ClusterTable(tables.Table):
    node = tables.TemplateColumn(template_name="cluster/cell_node.html", order_by="node__name")
    state = tables.TemplateColumn("{% load console %}{% badge record.state %}")
    held = tables.TemplateColumn(template_name="cluster/cell_held.html", verbose_name="Holds", orderable=False)
    proved_at = tables.TemplateColumn("{% load console %}{% when record.proved_at %}", verbose_name="Proved", orderable=False)

    class Meta:
        empty_text = "No nodes are registered yet."


class ManualTable(tables.Table):
    node = tables.TemplateColumn(template_name="cluster/cell_node.html", orderable=False)
    state = tables.TemplateColumn("{% load console %}{% badge record.state %}", orderable=False)
    ticked = tables.TemplateColumn(template_name="cluster/cell_ticked.html", verbose_name="By hand", orderable=False)
    deliver = tables.TemplateColumn(template_name="cluster/cell_deliver.html", verbose_name="By renewal", orderable=False, empty_values=())

    class Meta:
        empty_text = "No nodes are registered yet."
