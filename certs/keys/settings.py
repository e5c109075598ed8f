"""The types of new private keys, among the settings of the site."""

from collections.abc import Iterator

from django.conf import settings as installation

from certs.keys.policy import SELECTABLE
from certs.keys.services import key_type
from pki.core.keys import DEFAULT_KEY_TYPES
from pki.core.roles import Kind
from web.site_settings import Group, Setting, settings_register


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    for kind in map(Kind, SELECTABLE):
        yield Setting(
            f"key-type-{kind}", Group.CERTIFICATES, f"Key type of {kind} certificates",
            f"The type of the private key of new {kind} certificates. Possible: {', '.join(SELECTABLE[kind])}.",
            str(key_type(kind)), str(DEFAULT_KEY_TYPES[kind]), view="certs:key-types", actions=("key_types.set",), environment="QMC_KEY_TYPES",
            from_environment=kind in installation.QMC_KEY_TYPES,  # it can name a part of the kinds
        )  # fmt: skip
