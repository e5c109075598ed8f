"""Two facts about a browser certificate instead of one. All derived columns are computed again, because nodes/0011 took them from the wrong fields."""

import hashlib
import json

from django.db import migrations, models
from django.db.models import F

from pki.exchange.kept_report import kept

BATCH = 500
REPORT = {"installed", "hook", "served", "trusts", "revocation_lists", "browser"}


def columns_of(row):
    """The derived columns of one report, as its next heartbeat would write them. Values that a report may not have today count as absent."""
    report = {name: kept(name, row[name]) for name in REPORT}
    installed, trusted = report["installed"], [sorted(report["trusts"]), sorted(report["revocation_lists"].items())]
    served = {name: sha256 for name, sha256 in report["served"].items() if sha256 and (name != "service" or row["listening"])}
    watched = [sha256 for name, sha256 in served.items() if name != "service"]
    since = row["serves_another_since"] or row["registered_at"] or row["last_seen_at"]
    return {
        **{f"{kind}_sha256": installed.get(kind) or "" for kind in ("service", "client", "cluster")},
        "trust_sha256": hashlib.sha256(json.dumps(trusted).encode()).hexdigest(),
        "hook_failed": report["hook"].get("exit") not in (0, None),
        "serves_another_since": None if set(served.values()) <= set(installed.values()) else since,
        "browser_not_used": bool(report["browser"].get("problem")),
        "browser_not_served": "browser" in installed and bool(watched) and installed["browser"] not in watched,
    }


def derive(apps, schema_editor):
    """The derived columns of existing reports. A later heartbeat writes them again."""
    rows = apps.get_model("nodes", "Observation").objects.using(schema_editor.connection.alias)
    named = ("node_id", "last_seen_at", "registered_at", "listening", "serves_another_since", *REPORT)
    changed = []
    for row in rows.annotate(registered_at=F("node__registered_at")).values(*named).iterator(chunk_size=BATCH):
        columns = columns_of(row)
        changed.append(rows.model(node_id=row["node_id"], **columns))
        if len(changed) == BATCH:
            rows.bulk_update(changed, list(columns))
            changed = []
    if changed:
        rows.bulk_update(changed, list(columns))


class Migration(migrations.Migration):

    dependencies = [
        ('nodes', '0018_central_node'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='observation',
            name='observation_browser_unused',
        ),
        migrations.RemoveField(
            model_name='observation',
            name='browser_unused',
        ),
        migrations.AddField(
            model_name='observation',
            name='browser_not_served',
            field=models.BooleanField(default=False, help_text='whether no service presents the installed browser certificate'),
        ),
        migrations.AddField(
            model_name='observation',
            name='browser_not_used',
            field=models.BooleanField(default=False, help_text='whether the node reports why it does not use the chosen browser certificate'),
        ),
        migrations.AddIndex(
            model_name='observation',
            index=models.Index(condition=models.Q(('browser_not_used', True)), fields=['node'], name='observation_browser_unused'),
        ),
        migrations.AddIndex(
            model_name='observation',
            index=models.Index(condition=models.Q(('browser_not_served', True)), fields=['node'], name='observation_browser_unserved'),
        ),
        migrations.RunPython(derive, migrations.RunPython.noop, elidable=False),
    ]
