"""Nodes and exports that exist get their names in the register of names. Of two that exclude each other the later one is disputed."""

import ipaddress
from operator import itemgetter

from django.db import migrations


def key(name):
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def wanted(apps):
    """(since, kind, id, {name: exclusive}) of every holder."""
    for node in apps.get_model("nodes", "Node").objects.exclude(state="decommissioned"):
        names = {key(name): False for name in node.subject_alternative_names} | {key(node.host_name): True}
        yield node.created_at, "node", node.pk, names
    for pk, machine, since in apps.get_model("certs", "Export").objects.exclude(status="revoked").values_list("pk", "machine", "created_at"):
        yield since, "export", pk, {key(machine): True}


def names_record(apps, schema_editor):
    Claim, Holder = apps.get_model("certs", "NameClaim"), apps.get_model("certs", "NameHolder")
    claims, holders = {}, []
    for since, kind, pk, names in sorted(wanted(apps), key=itemgetter(0)):
        for name, exclusive in names.items():
            known = name in claims
            claim = claims.setdefault(name, Claim(name=name, exclusive=exclusive))
            disputed = known and (exclusive or claim.exclusive)
            holders.append(Holder(claim=claim, kind=kind, holder_id=pk, exclusive=exclusive, disputed=disputed, since=since))
    Claim.objects.bulk_create(claims.values(), batch_size=500)
    Holder.objects.bulk_create(holders, batch_size=500)


class Migration(migrations.Migration):

    dependencies = [
        ('nodes', '0008_turns_and_caller_findings'),
        ('certs', '0006_names'),
    ]

    operations = [migrations.RunPython(names_record, migrations.RunPython.noop)]
