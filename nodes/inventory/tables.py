"""The table of nodes."""

import django_tables2 as tables

from nodes.models import Node


class NodeTable(tables.Table):
    name = tables.TemplateColumn(template_name="nodes/inventory/cell_name.html", verbose_name="Node")
    state = tables.TemplateColumn(template_name="nodes/inventory/cell_state.html")
    seen = tables.TemplateColumn(
        template_name="nodes/inventory/cell_seen.html", verbose_name="Last call", order_by="observation__last_seen_at"
    )
    address = tables.TemplateColumn(template_name="nodes/inventory/cell_address.html")
    services = tables.TemplateColumn(template_name="nodes/inventory/cell_services.html", orderable=False)

    class Meta:
        model = Node
        fields = ("name", "state", "seen", "address", "services")
        order_by = "name"
        empty_text = "No nodes yet. Register the first node."
