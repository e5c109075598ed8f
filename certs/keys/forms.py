"""The form of the types of new keys."""

from django import forms

from certs.keys.policy import SELECTABLE
from pki.core.keys import DEFAULT_KEY_TYPES
from pki.core.roles import Kind
from web.forms import ServiceForm, select

LABELS = {
    Kind.ROOT: ("Root certificate", "The next root has it. A new root is made at half the lifetime of the current one, or when you rotate it."),
    Kind.SERVICE: ("Service certificates", "Nodes get it with their next renewal, and exports when you renew them. An RSA-4096 key takes three times as long to make as an RSA-3072 key."),
    Kind.CLIENT: ("Client certificates", "Nodes get it with their next renewal, and exports when you renew them."),
    Kind.CLUSTER: ("Cluster certificate", "The next cluster certificate has it. Deployments then need its public key."),
}  # fmt: skip


class KeyTypesForm(ServiceForm):
    """One field for each kind of certificate."""

    changes_object = True

    root = forms.ChoiceField(widget=select())
    service = forms.ChoiceField(widget=select())
    client = forms.ChoiceField(widget=select())
    cluster = forms.ChoiceField(widget=select())

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        for kind, (label, effect) in LABELS.items():
            field = self.fields[kind]
            field.label, field.help_text = label, effect
            assert isinstance(field, forms.ChoiceField)
            field.choices = [
                (found, f"{found} (default)" if found == DEFAULT_KEY_TYPES[kind] else str(found)) for found in SELECTABLE[kind]
            ]
