"""Renewals and revocations of many exports."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audit.actors import Actor
from bulk.actions import Action, Done, Row, action_register, subject_of
from bulk.models import BulkItem
from certs.exports.services import ExportOptions, export_renew, export_revoke, renewal_refused
from certs.models import Export
from certs.revocation.bulk import RevokeManyForm
from certs.states import ExportStatus
from pki.exchange import password
from pki.issuing.revocation_list import RevocationCode

REGISTER = Export.objects.defer("archive", "sealed_password")


def _to_renew(subjects: Sequence[uuid.UUID], now: datetime) -> list[Row]:
    return [Row(export.pk, export.machine, renewal_refused(export)) for export in REGISTER.filter(pk__in=subjects)]


def _renew(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    """With the options of the export. An export with a password gets a new one, because the console does not keep passwords."""
    export = subject_of(item, REGISTER)
    new = password.display(password.generate()) if export.has_password else ""
    options = ExportOptions(
        format=export.format, password=new, include_secrets_key=export.include_secrets_key, include_ca=export.include_ca, legacy=export.legacy,
        clear_on_purpose=not new,
    )  # fmt: skip
    export_renew(actor=actor, export=export, options=options, now=now)
    return Done("Its renewal was requested. Its page shows the progress and has the files.", secret=new)


def _to_revoke(subjects: Sequence[uuid.UUID], now: datetime) -> list[Row]:
    exports = REGISTER.filter(pk__in=subjects)
    return [Row(export.pk, export.machine, "It is revoked already." if export.status == ExportStatus.REVOKED else "") for export in exports]


def _revoke(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    export_revoke(
        actor=actor, export=subject_of(item, REGISTER), reason=parameters["reason"], code=RevocationCode(parameters["code"]), now=now
    )
    return Done("All its certificates were revoked.")


action_register(
    Action(
        "exports.renew",
        "certs.renew_export",
        "Renew",
        "export",
        _renew,
        list="exports",
        effect="Each export gets new keys and certificates, with the same options. If its private keys have a password, they get a new one, and you can see "
        "the new passwords once. The current certificates stay accepted until they expire. You must then copy the new files to each machine.",
        rows=_to_renew,
        page="exports:detail",
        secret="password",  # noqa: S106  (the word, not a password)
    )
)
action_register(
    Action(
        "exports.revoke",
        "certs.revoke_export",
        "Revoke",
        "export",
        _revoke,
        list="exports",
        effect="All certificates of each export are revoked. A worker deletes its folder, and the machine name can be used again.",
        rows=_to_revoke,
        page="exports:detail",
        form=RevokeManyForm,
        danger=True,
    )
)
