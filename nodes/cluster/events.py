"""Wording of the events of app distribution."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from certs.models import Deployment
from web.words import listed

object_page_register(Deployment.objects.all(), "cluster:deployment")

words_register({"deployment.created": ("Deployment created", "green"), "deployment.deleted": ("Deployment deleted", "grey")})
WORDS = {"api_address": "API address"}


@wording_register("cluster.ticked", "cluster.unticked")
def ticked(event: Event) -> tuple[str, str]:
    done = "marked as imported" if event.action == "cluster.ticked" else "no longer marked as imported"
    return f"Cluster certificate {done} by hand", "grey"


@wording_register("deployment.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Deployment changed: {listed([WORDS.get(name, name) for name in event.detail])}", "blue"


@wording_register("site.facts_set")
def facts(event: Event) -> tuple[str, str]:
    before, after = event.detail["from"], event.detail["to"]
    return f"Facts about the site changed: {listed([name.replace('_', ' ') for name in after if before[name] != after[name]])}", "blue"
