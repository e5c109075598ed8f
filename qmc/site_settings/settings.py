"""What only the environment sets, among the settings of the site."""

from collections.abc import Iterator

from django.conf import settings as installation
from django.db import connection

from jobs.services import KEPT
from qmc.installation import ROWS, as_text
from web.site_settings import Group, Setting, settings_register

ENGINES = {"postgresql": "PostgreSQL", "sqlite": "SQLite in the data directory"}
# Field of the installation → its group and title. Other rooms register the fields that are not here.
ENVIRONMENT = {
    "data_dir": (Group.SITE, "Data directory"),
    "database_url": (Group.SITE, "Database"),
    "broker_url": (Group.SITE, "Broker"),
    "secret_key_file": (Group.SITE, "File of the key for sessions"),
    "central_key_file": (Group.SITE, "File of the central key"),
    "root_passphrase_file": (Group.SITE, "File of the root passphrase"),
    "group": (Group.SITE, "Group of the files"),
    "token_requests": (Group.SITE, "Most requests of an API token in a minute"),
    "log_format": (Group.SITE, "Format of the logs"),
    "metrics_networks": (Group.SITE, "Networks that read the metrics without a token"),
    "outbound_networks": (Group.SITE, "Special networks for outgoing connections"),
    "database_key_oids": (Group.CERTIFICATES, "OIDs of the database key"),
}


@settings_register("certs.view_certificate")
def settings() -> Iterator[Setting]:
    for field, (group, title) in ENVIRONMENT.items():
        row, value = ROWS[field], getattr(installation.INSTALLATION, field)
        if field == "database_url":
            shown, default = ENGINES.get(connection.vendor, connection.vendor), ENGINES["sqlite"]
        else:
            shown, default = row.shown(value).replace(",", ", ") or "none", as_text(row.default) or "none"
        purpose = row.purpose.replace("`", "").replace("--", "‑‑")
        yield Setting(field.replace("_", "-"), group, title, purpose, shown, default, environment=row.name)
    yield Setting("jobs", Group.RETENTION, "Finished jobs", "How long the history of jobs is kept.", f"{KEPT.days} days")
