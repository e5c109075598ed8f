"""Pages that report exports: the expiry board, the overview, and the pages that change a root, a key or a certificate."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attention.needs import Look, attention, needs
from audit.actors import SYSTEM
from certs.certificates.issuer import issuing_root, roots_in_force
from certs.exports import worker as export_work
from certs.exports.services import (
    ExportOptions,
    export_renew,
    export_revoke,
)
from certs.exports.status import export_status, exports_of_root
from certs.lifetime.services import lifetime_preview
from certs.models import Certificate, DatabaseKey, Export, Rotation
from certs.revocation.services import certificate_revoke
from certs.roots.services import root_drop, root_make, root_next_number, roots_revoke
from certs.zone.services import zone_current
from nodes.renewal.blocked_reason import blocked_column
from nodes.revocation.view_models import revocation_page
from nodes.rotations.root import exports_awaited
from nodes.rotations.root_view_models import nodes_before_root_rotation, root_rotation, root_rotation_page
from pki.issuing.revocation_list import RevocationCode
from qmc.expiry.everything import Everything
from qmc.expiry.rows import ExpiryRows
from qmc.recreation.view_models import recreation_lines
from tests.certs.exports.exported import PEM, held, made, work

pytestmark = pytest.mark.django_db


def board() -> list[Any]:
    now = timezone.now()
    every = Everything(SYSTEM, now, now)
    rows = every.built(ExpiryRows(every).part(size=1000).rows)
    return [row for row in rows if row.kind == "export" or "export" in row.holder]


def export_needs(now: datetime) -> list[tuple[str, str]]:
    return [(need.color, need.title) for need in needs(Look(now)) if need.button == "Renew export"]


def test_the_board_has_one_row_for_an_export(zone: Path) -> None:
    (export,) = made()
    export_renew(actor=SYSTEM, export=export, options=PEM, now=timezone.now())
    work()
    export.refresh_from_db()
    (row,) = board()
    assert (row.id, row.kind, row.owner, row.not_after, row.what_happens) == (
        str(export.pk),
        "export",
        "system",
        export.not_after,
        "by_hand",
    )
    assert "Renew it, and bring the new files to the machine" in row.explanation
    assert lifetime_preview(actor=SYSTEM, months=12, now=timezone.now()).exports == 1
    assert "export" not in str(lifetime_preview(actor=SYSTEM, months=12, now=timezone.now()).first)
    assert export.not_after is not None
    assert export_needs(timezone.now()) == []
    for days, expected in (
        (31, []),
        (29, [("orange", "Export reports.example expires in 29 days")]),
        (6, [("red", "Export reports.example expires in 6 days")]),
    ):
        assert export_needs(export.not_after - timedelta(days=days)) == expected
    assert export_needs(export.not_after + timedelta(days=1)) == [("red", "Export reports.example has expired")]
    export_revoke(actor=SYSTEM, export=export, reason="x", code=RevocationCode.UNSPECIFIED, now=timezone.now())
    assert board() == []


def test_a_new_root_lists_affected_exports(zone: Path, administrator: Client) -> None:
    now = timezone.now()
    (export,) = made()
    assert [
        shown.pk
        for shown in root_rotation_page(blocked_column(nodes_before_root_rotation(now=now), now=now), error="", now=now).exports.named
    ] == [export.pk]
    for url in (reverse("roots:rotate"), reverse("recreate_root")):
        assert "reports.example" in administrator.get(url, secure=True).content.decode()
    assert any("reports.example, made by system" in line for line in recreation_lines(now=now))
    old = issuing_root()
    new = root_make(zone=zone_current(), number=root_next_number(), actor=SYSTEM, now=now)
    rotation = Rotation.objects.create(kind="root", to_version=2, actor="anna", created_at=now, from_root=old, to_root=new)
    assert "as soon as the new root issues" in export_status(export).action_required
    Rotation.objects.update(switched_at=now)
    rotation.refresh_from_db()
    assert [shown.pk for shown in root_rotation(rotation, now=now).exports.named] == [export.pk]
    assert export_needs(now) == [("orange", "Export reports.example must be renewed")]
    assert list(exports_awaited(rotation, now=now)) == [export]
    rotation.keeps_for_exports = False
    assert list(exports_awaited(rotation, now=now)) == []
    rotation.keeps_for_exports = True
    assert list(exports_awaited(rotation, now=old.not_after - timedelta(days=20))) == []
    assert "reports.example" in administrator.get(reverse("roots:show"), secure=True).content.decode()
    export_renew(actor=SYSTEM, export=export, options=PEM, now=now)
    work()
    export.refresh_from_db()
    assert {row.issuer for row in held(export).values()} == {new}
    assert "reports.example" in administrator.get(reverse("roots:roll-back", args=[rotation.pk]), secure=True).content.decode()
    assert (zone / "reports.example/root.pem").read_text().count("BEGIN") == len(roots_in_force()) == 2
    assert export_status(export).action_required == ""
    assert list(exports_awaited(rotation, now=now)) == []
    assert [shown.pk for shown in exports_of_root(old, now=now)] == [export.pk]  # the generation before may still be in use
    root_drop(root=old, reason="taken over", now=now)
    assert (export_needs(now), list(exports_of_root(old, now=now))) == ([], [export])
    Certificate.objects.filter(holder_id=export.pk, generation=2).update(issuer=old)
    assert export_needs(now) == [("red", "Export reports.example is refused")]


def test_one_root_issues_both_and_either_may_be_refused(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if a rotation goes on between the two certificates."""
    old = issuing_root()
    new = root_make(zone=zone_current(), number=root_next_number(), actor=SYSTEM, now=timezone.now())
    goes_on = iter([old, new])
    monkeypatch.setattr(export_work, "issuing_root", lambda: next(goes_on))
    (export,) = made()
    assert {row.issuer for row in held(export).values()} == {old}
    Certificate.objects.filter(holder_id=export.pk, kind="client").update(issuer=new)
    rotation = Rotation.objects.create(kind="root", from_root=new, to_root=old, to_version=2, created_at=timezone.now())
    assert "is being replaced" in export_status(export).action_required
    rotation.delete()
    Certificate.objects.filter(pk=new.pk).update(status="superseded")
    assert (export_status(export).alarm, f"Its root, {new.subject}, was replaced" in export_status(export).action_required) == (True, True)


def test_a_recreated_root_makes_exports_refused_and_says_so(zone: Path) -> None:
    (export,) = made()
    new = root_make(zone=zone_current(), number=root_next_number(), actor=SYSTEM, now=timezone.now())
    roots_revoke(but=new, reason="The root was recreated.", actor=SYSTEM, now=timezone.now())
    details = export_status(export)
    assert (details.alarm, "revoked (The root was recreated), so it is refused. Renew the export." in details.action_required) == (
        True,
        True,
    )
    (row,) = board()
    assert "was revoked" in row.explanation


def test_a_new_database_key_requests_renewal_of_exports_with_the_old_one(zone: Path) -> None:
    with_key, without = made("a.example", options=ExportOptions("pem", include_secrets_key=True))[0], made("b.example")[0]
    DatabaseKey.objects.update(status="reading")
    assert (
        "Its database key, version 1, does not encrypt new values" in export_status(with_key).action_required,
        export_status(without).action_required,
    ) == (
        True,
        "",
    )


def test_many_exports_of_one_state_are_one_line_of_the_overview(zone: Path) -> None:
    made(*(f"m{number}.example" for number in range(4)))
    Certificate.objects.filter(holder="export m2.example", kind="client").update(status="revoked", reason="stolen.")
    Certificate.objects.filter(holder="export m3.example", kind="service").update(status="revoked", reason="stolen.")
    Export.objects.update(not_after=timezone.now() + timedelta(days=20))
    titles = [ranked.need.title for ranked in attention(timezone.now()) if "xport" in ranked.need.title]
    assert titles == [
        "Export m2.example is refused",
        "Export m3.example is refused",
        "Export m0.example expires in 20 days",
        "Export m1.example expires in 20 days",
    ]
    Certificate.objects.filter(holder__startswith="export").update(status="revoked", reason="stolen.")
    (need,) = [ranked.need for ranked in attention(timezone.now()) if "xport" in ranked.need.title]
    assert (need.title, need.button) == ("4 exports are refused", "Show exports")
    assert (need.text.count("Renew"), "Renew" in need.remedy) == (1, False)


def test_the_revocation_page_of_a_certificate_names_its_export(zone: Path, administrator: Client) -> None:
    (export,) = made()
    certificate = held(export)["client"]
    page = revocation_page(certificate, error="", actor=SYSTEM, now=timezone.now())
    assert (page.export, page.nodes) == (export, 0)
    text = administrator.get(reverse("revocation:revoke", args=[certificate.pk]), secure=True).content.decode()
    assert "Export reports.example" in text
    assert "No node of this site uses this certificate" not in text
    detail = administrator.get(reverse("certs:detail", args=[certificate.pk]), secure=True).content.decode()
    assert "made for the" in detail
    code = RevocationCode.KEY_COMPROMISE
    certificate_revoke(certificate=certificate, reason="stolen.", code=code, actor=SYSTEM, now=timezone.now())
    assert "client certificate was revoked" in export_status(export).action_required
