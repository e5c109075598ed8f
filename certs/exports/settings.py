"""How long the files of an export are kept, among the settings of the site."""

from collections.abc import Iterator

from certs.exports.worker import KEPT_FOR
from pki.core import clocks
from web.site_settings import Group, Setting, settings_register


@settings_register("certs.view_export")
def settings() -> Iterator[Setting]:
    yield Setting(
        "export-files", Group.RETENTION, "Files of an export",
        "How long the console keeps the archive with the private keys of an export for a download.", clocks.length(KEPT_FOR),
    )  # fmt: skip
