"""Browser certificates as things that can be found: by name, thumbprint and SHA-256."""

from collections.abc import Iterator

from django.db.models.functions import Lower
from django.urls import reverse

from audit.actors import Actor
from nodes.models import BrowserCertificate
from web.search import MOST_OF_KIND, Found, beginning, number_of, search_register


@search_register("Browser certificates", icon="world", permission="nodes.view_browsercertificate")
def browser_certificates(text: str, actor: Actor) -> Iterator[Found]:
    wanted = beginning("lower", text.lower())
    if number := number_of(text):
        wanted |= beginning("thumbprint", number) | beginning("sha256", number)
    rows = BrowserCertificate.objects.alias(lower=Lower("name")).filter(wanted).order_by("name")
    for certificate in rows[:MOST_OF_KIND]:
        text = f"thumbprint {certificate.thumbprint[:16]}…" if certificate.thumbprint else "requested"
        yield Found(certificate.name, text, reverse("browser_certificates:detail", args=[certificate.pk]))
