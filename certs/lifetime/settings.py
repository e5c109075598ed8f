"""The lifetime of new certificates, among the settings of the site."""

from collections.abc import Iterator

from certs.lifetime.services import lifetime_get
from pki.core import lifetime
from web.site_settings import Group, Setting, settings_register


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    yield Setting(
        "lifetime", Group.CERTIFICATES, "Lifetime of new certificates",
        "How long a new certificate is valid. Certificates that exist keep their expiry date.",
        f"{lifetime_get().months} months", f"{lifetime.DEFAULT_MONTHS} months", view="certs:lifetime", actions=("lifetime.set",), order=1,
    )  # fmt: skip
