"""The list of deliveries of a channel."""

import django_tables2 as tables

from alerts.models import Delivery


class DeliveryTable(tables.Table):
    title = tables.TemplateColumn(template_name="alerts/deliveries/cell_title.html", verbose_name="What", orderable=False)
    state = tables.TemplateColumn(template_name="alerts/deliveries/cell_state.html")
    attempts = tables.Column(attrs={"td": {"class": "known"}})
    created_at = tables.TemplateColumn(template_name="alerts/deliveries/cell_created.html", verbose_name="Begun")

    class Meta:
        model = Delivery
        fields = ("title", "state", "attempts", "created_at")
        order_by = "-created_at"
        empty_text = "Nothing was sent yet."
