"""Tables of the cluster certificate on nodes."""

import django_tables2 as tables


class ClusterTable(tables.Table):
    node = tables.TemplateColumn(template_name="nodes/cluster/cell_node.html", order_by="node__name")
    state = tables.TemplateColumn("{% load console %}{% badge record.state %}")
    held = tables.TemplateColumn(template_name="nodes/cluster/cell_held.html", verbose_name="Certificate", orderable=False)
    proved_at = tables.TemplateColumn("{% load console %}{% when record.proved_at %}", verbose_name="Last proof", orderable=False)

    class Meta:
        empty_text = "No nodes are registered yet."


class ManualTable(tables.Table):
    node = tables.TemplateColumn(template_name="nodes/cluster/cell_node.html", orderable=False)
    state = tables.TemplateColumn("{% load console %}{% badge record.state %}", orderable=False)
    ticked = tables.TemplateColumn(template_name="nodes/cluster/cell_ticked.html", verbose_name="By hand", orderable=False)
    deliver = tables.TemplateColumn(
        template_name="nodes/cluster/cell_deliver.html", verbose_name="By renewal", orderable=False, empty_values=()
    )

    class Meta:
        empty_text = "No nodes are registered yet."
