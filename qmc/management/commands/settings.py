"""The settings of this installation: the values in force, and where they come from."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection

from qmc.addresses.services import site_addresses
from qmc.installation import ROWS, Row, as_text
from storage.database import database_look, unusable
from web.database_problem import detail

ENVIRONMENT, SITE_DATA, DEFAULT = "environment", "site data", "default"
CONNECT_S = 5
NOT_SET, NOT_KNOWN = "not set", "not known"


@dataclass(frozen=True)
class SettingInForce:
    """A setting with its value. `value` is None if only the site's data has it and cannot be read. Passwords in URLs are omitted."""

    name: str
    value: str | None
    source: str
    purpose: str
    environment: str | None
    site_data: str | None


def site_data() -> tuple[dict[str, str] | None, str]:
    """Field → value in the site's data, or None and the reason why it cannot be read. Writes nothing."""
    if connection.vendor == "postgresql":
        connection.settings_dict["OPTIONS"] = {"connect_timeout": CONNECT_S} | connection.settings_dict["OPTIONS"]
    if found := unusable(database_look(connection)):
        return None, " ".join(found)
    try:
        return {field: as_text(value) for field, value in asdict(site_addresses()).items()}, ""
    except DatabaseError as exc:
        return None, detail(exc)


def settings_in_force(data: dict[str, str] | None) -> Iterator[SettingInForce]:
    """All settings, in the order of their declaration. `data` has the values in the site's data, or is None."""
    for field, row in ROWS.items():
        own = row.shown(getattr(settings.INSTALLATION, field))
        is_given = row.name in settings.INSTALLATION.given
        recorded = data[row.overrides] if row.overrides and data is not None else None
        value, source = _in_force(row, own, recorded, is_given=is_given)
        yield SettingInForce(row.name, value, source, row.purpose, own if is_given else None, recorded)


def _in_force(row: Row, own: str, recorded: str | None, *, is_given: bool) -> tuple[str | None, str]:
    if is_given:
        return own, ENVIRONMENT
    if row.overrides and recorded != "":
        return recorded, SITE_DATA
    return own, DEFAULT


class Command(BaseCommand):
    help = (
        "Lists the settings of this installation with the values in force. --explain adds from where each value comes and what the setting is "
        "for. Files with secrets are shown as paths, and URLs without passwords."
    )
    requires_system_checks = []  # it also works where they would fail

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--explain", action="store_true", help="also from where each value comes, and what the setting is for")
        parser.add_argument("--json", action="store_true", help="everything as JSON, for scripts")
        parser.add_argument("--data-dir")

    def handle(self, *args: Any, **options: Any) -> None:
        data, problem = site_data()
        found = list(settings_in_force(data))
        if options["json"]:
            self.stdout.write(json.dumps({"settings": [asdict(setting) for setting in found], "site_data_problem": problem}, indent=2))
            return
        width = max(len(setting.name) for setting in found)
        for setting in found:
            value = NOT_KNOWN if setting.value is None else setting.value or NOT_SET
            self.stdout.write(f"{setting.name:{width}}  {value}")
            if options["explain"]:
                self.stdout.write(f"  From: {self._source(setting)}\n  {setting.purpose}\n")
        if problem:
            self.stderr.write(f"The site's data cannot be read: {problem}")

    def _source(self, setting: SettingInForce) -> str:
        if setting.source == ENVIRONMENT and setting.site_data is not None:
            return f"the environment. The site's data has: {setting.site_data or NOT_SET}. The environment overrides it."
        return {ENVIRONMENT: "the environment.", SITE_DATA: "the site's data.", DEFAULT: "the default."}[setting.source]
