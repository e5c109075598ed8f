"""Revocations of many certificates."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audit.actors import Actor
from bulk.actions import Action, ActionForm, Done, Row, action_register, subject_of
from bulk.models import BulkItem
from certs.models import Certificate
from certs.revocation.forms import ReasonForm
from certs.revocation.services import certificate_revoke, revocations_refused
from certs.states import CertificateStatus
from pki.issuing.revocation_list import RevocationCode


class RevokeManyForm(ActionForm, ReasonForm):
    """Why all of them are revoked."""


def _rows(subjects: Sequence[uuid.UUID], now: datetime) -> list[Row]:
    certificates = list(Certificate.objects.summaries().filter(pk__in=subjects))
    refused = revocations_refused(certificates, now=now)
    return [Row(row.pk, f"{row.title}, serial {row.serial[:12]}…"[:200], refused.get(row.pk, "")) for row in certificates]


def _revoke(item: BulkItem, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> Done:
    certificate = subject_of(item, Certificate.objects.listed())
    if certificate.status == CertificateStatus.REVOKED:
        return Done("It was revoked meanwhile, with a newer certificate or by another person.")
    revoked = certificate_revoke(
        certificate=certificate, reason=parameters["reason"], code=RevocationCode(parameters["code"]), actor=actor, now=now
    )
    older = len(revoked) - 1
    return Done("It was revoked." if not older else f"It was revoked, and {older} older of the same holder.")


action_register(
    Action(
        "certificates.revoke",
        "certs.revoke_certificate",
        "Revoke",
        "certificate",
        _revoke,
        list="certificates",
        effect="Each certificate is revoked, with the older ones of its holder that are still accepted. Other machines refuse it after their next call.",
        rows=_rows,
        page="certs:detail",
        form=RevokeManyForm,
        danger=True,
    )
)
