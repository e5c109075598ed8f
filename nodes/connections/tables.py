"""The list of connections."""

import django_tables2 as tables

from nodes.connections.services import password_description
from nodes.models import Connection


class ConnectionTable(tables.Table):
    versions: dict[str, int]
    name = tables.TemplateColumn(template_name="nodes/connections/cell_name.html", verbose_name="Connection")
    type = tables.TemplateColumn(template_name="nodes/connections/cell_type.html")
    username = tables.Column(verbose_name="User name", default="none")
    password = tables.Column(default="not set", orderable=False)
    changed_at = tables.TemplateColumn(template_name="nodes/connections/cell_changed.html", verbose_name="Changed")

    class Meta:
        model = Connection
        fields = ("name", "type", "username", "password", "changed_at")
        order_by = "name"
        empty_text = "No connections yet. Every registered node can read the ones that you create."

    def render_password(self, record: Connection) -> str:
        return password_description(record.password, self.versions)
