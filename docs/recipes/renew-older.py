"""Renew every node whose service certificate is older than a month: python renew-older.py [DAYS]. It waits for the new certificates."""

import functools
import sys
from datetime import datetime, timedelta, timezone

from site_api import call, rows, wait_until

days = int(sys.argv[1]) if len(sys.argv) > 1 else 30
before = datetime.now(timezone.utc) - timedelta(days=days)


def service_certificates(node):
    return {each["id"]: each["not_before"] for each in node["certificates"] if each["kind"] == "service" and each["status"] == "issued"}


old = [
    (node, certificate)
    for node in rows("/nodes/?state=registered&page_size=500")
    for certificate, since in service_certificates(node).items()
    if datetime.fromisoformat(since.replace("Z", "+00:00")) < before
]
for node, certificate in old:
    # This key makes the script safe to repeat: a certificate is renewed once.
    call("POST", f"/nodes/{node['id']}/renew/", key=f"renew-{certificate}")


def has_another(node, certificate):
    return certificate not in service_certificates(call("GET", f"/nodes/{node['id']}/"))


for node, certificate in old:
    wait_until(node["name"], functools.partial(has_another, node, certificate))
    print(f"renewed {node['name']}")
