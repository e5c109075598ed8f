"""The list of channels."""

import django_tables2 as tables


class ChannelTable(tables.Table):
    """Its rows are lines of channels: `channel_lines`."""

    name = tables.TemplateColumn(template_name="alerts/channels/cell_name.html", verbose_name="Channel", accessor="channel__name")
    state = tables.TemplateColumn(template_name="alerts/channels/cell_state.html", accessor="status__words")

    class Meta:
        order_by = "name"
        empty_text = "No channels yet. Alerts are shown in this console only. Add mail, a webhook, or a chat or on-call service."
