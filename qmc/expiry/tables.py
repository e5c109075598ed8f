"""The expiry board as a table."""

import django_tables2 as tables


class ExpiryTable(tables.Table):
    subject = tables.TemplateColumn(template_name="qmc/expiry/cell_expiring.html", verbose_name="What", order_by=("kind_word", "subject"))
    owner = tables.Column()
    not_after = tables.TemplateColumn(template_name="qmc/expiry/cell_expires.html", verbose_name="Expires")
    what_happens = tables.TemplateColumn(template_name="qmc/expiry/cell_happens.html", verbose_name="What happens")
    due_at = tables.TemplateColumn(template_name="qmc/expiry/cell_due.html", verbose_name="Due", order_by="acts_at")

    class Meta:
        order_by = "not_after"
        empty_text = "Nothing has an expiry date yet."
