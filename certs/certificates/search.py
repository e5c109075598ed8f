"""Certificates as things that can be found: by serial number and SHA-256 fingerprint."""

from collections.abc import Iterator

from django.urls import reverse

from audit.actors import Actor
from certs.models import Certificate
from web.search import MOST_OF_KIND, Found, beginning, number_of, search_register


@search_register("Certificates", icon="certificate", permission="certs.view_certificate")
def certificates(text: str, actor: Actor) -> Iterator[Found]:
    if number := number_of(text):
        for column in ("serial", "sha256"):
            for one in Certificate.objects.filter(beginning(column, number)).order_by(column)[:MOST_OF_KIND]:
                words = f"{one.kind} certificate · {one.status} · serial {one.serial[:12]}…"
                yield Found(one.holder or one.subject, words, reverse("certs:detail", args=[one.pk]))
