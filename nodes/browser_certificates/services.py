"""Browser certificates: uploaded or requested, chosen for a node, deleted (S1)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models, transaction

from audit.actors import Actor
from audit.record import record
from nodes.browser_certificates.verdict import blockers_when_chosen, findings_for, judge, key_of, private_key_of
from nodes.errors import ChoiceBlocked, IllegalNodeTransition, InputInvalid, StaleNode
from nodes.models import BrowserCertificate, Node
from nodes.nudges.services import nodes_nudge
from nodes.renewal.services import held
from nodes.states import BrowserCertificateState, NodeState
from pki.core import keys
from pki.core.errors import InvalidName, PKIError, ThumbprintInvalid, UploadRefused
from pki.core.keys import KeyType
from pki.foreign import browser_checks, browser_choice, browser_facing
from pki.foreign.browser_choice import BrowserChoice
from pki.foreign.browser_facing import ServerPair
from pki.foreign.private_key import ForeignPrivateKey
from pki.foreign.read import ForeignCertificate
from pki.foreign.remedies import Remedy
from pki.foreign.uploaded import File

KEY_TYPES = (KeyType.RSA_3072, KeyType.RSA_2048, KeyType.EC_P256, KeyType.EC_P384)
LONGEST_NAME, MOST_NAMED = 100, 20


def _name_checked(name: str) -> str:
    """Raises: InputInvalid."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InputInvalid({"name": [f"A name must have 1 to {LONGEST_NAME} printable characters, and no space at the start or end."]})
    if BrowserCertificate.objects.filter(name__iexact=name).exists():
        raise InputInvalid({"name": ["A browser certificate with this name already exists. Choose another name."]})
    return name


def _free_name(requested: str) -> str:
    """A name for a certificate without one: its common name, with a number if that name is taken."""
    plain = "".join(character for character in requested if character.isprintable()).strip()[: LONGEST_NAME - 5] or "certificate"
    taken = {used.lower() for used in BrowserCertificate.objects.filter(name__istartswith=plain).values_list("name", flat=True)}
    return next(candidate for candidate in (plain, *(f"{plain} {number}" for number in range(2, 10000))) if candidate.lower() not in taken)


def _read(read: Callable[[], ServerPair]) -> ServerPair:
    """Raises: InputInvalid."""
    try:
        return read()
    except UploadRefused as exc:
        raise InputInvalid({exc.field: [str(exc)]}) from exc


def _described(pair: ServerPair) -> dict[str, Any]:
    """The columns of a row that come from its certificate."""
    leaf = pair.leaf
    thumbprint, sha256 = leaf.thumbprints
    return {
        "subject": leaf.subject.text[:300], "names": leaf.names, "thumbprint": thumbprint, "sha256": sha256, "key_type": leaf.key.words[:20],
        "not_before": leaf.not_before, "not_after": leaf.not_after, "certificates": [certificate.decode() for certificate in pair.certificates],
        "root": pair.path.root.pem.decode() if pair.path.root else "", "notes": list(pair.notes),
    }  # fmt: skip


def _there(leaf: ForeignCertificate) -> BrowserCertificate | None:
    return BrowserCertificate.objects.filter(sha256=leaf.thumbprints[1]).first()


def _kept(certificate: BrowserCertificate | None) -> tuple[ForeignCertificate, ...]:
    """The stored certificates of its path; empty if they are unreadable, so that they can be uploaded again."""
    try:
        return certificate.path().certificates if certificate is not None and certificate.is_ready else ()
    except PKIError:
        return ()


def _saved(certificate: BrowserCertificate, *, action: str, detail: dict[str, Any], actor: Actor, now: datetime) -> BrowserCertificate:
    try:
        with transaction.atomic():
            certificate.save(force_insert=True)
            nodes_nudge(chosen_by(certificate), now=now)
            record(actor=actor, action=action, target=certificate, detail=detail, now=now)
    except IntegrityError as exc:
        raise InputInvalid(
            {"name": ["Another person has just uploaded this certificate or used this name. See the list of certificates."]}
        ) from exc
    return certificate


def browser_certificate_upload(
    *, actor: Actor, files: Sequence[File], passphrase: str = "", name: str = "", now: datetime
) -> BrowserCertificate:
    """Store a certificate with its encrypted key; an existing certificate gets what it lacks.

    Raises: PermissionRefused, InputInvalid, StaleNode, ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require("nodes.add_browsercertificate")
    checked = _name_checked(name) if name else ""
    pair = _read(lambda: browser_facing.upload(files, passphrase, kept=lambda leaf: _kept(_there(leaf)), judge=judge, now=now))
    there = _there(pair.leaf)
    if there is not None:
        return _completed(there, pair, actor=actor, now=now)
    certificate = BrowserCertificate(
        name=checked or _free_name(pair.leaf.name), source=BrowserCertificate.Source.UPLOADED,
        state=BrowserCertificateState.READY, **_described(pair), private_key=pair.private_key, actor=actor.label, created_at=now,
    )  # fmt: skip
    detail = {"thumbprint": certificate.thumbprint, "subject": certificate.subject}
    return _saved(certificate, action="browser_certificate.uploaded", detail=detail, actor=actor, now=now)


def _completed(there: BrowserCertificate, pair: ServerPair, *, actor: Actor, now: datetime) -> BrowserCertificate:
    """The same certificate, uploaded again with more of its chain, or with a key that can be decrypted."""
    actor.require("nodes.change_browsercertificate")
    has_key, is_same = private_key_of(there) is not None, _kept(there) == pair.path.certificates
    if has_key and is_same:
        raise InputInvalid({"files": [f"This certificate already exists: {there}. {Remedy.CHOOSE_THAT}"]})
    changes = _described(pair) | ({} if has_key else {"private_key": pair.private_key})
    return _changed(there, changes, action="browser_certificate.completed", actor=actor, now=now)


def _changed(certificate: BrowserCertificate, changes: dict[str, Any], *, action: str, actor: Actor, now: datetime) -> BrowserCertificate:
    """Store the changes. Nodes that have chosen the certificate keep it, even if its leaf was replaced."""
    detail = {"thumbprint": changes["thumbprint"], "subject": changes["subject"]}
    try:
        with transaction.atomic():
            before = BrowserCertificate.objects.filter(pk=certificate.pk, state=certificate.state, sha256=certificate.sha256)
            locked = before.select_for_update().first()
            if locked is None:
                raise StaleNode(f"{certificate} was just changed or deleted by another person. Reload the page.")
            choosing = list(chosen_by(locked))
            for field, value in changes.items():
                setattr(locked, field, value)
            locked.state = BrowserCertificateState.READY
            locked.save()
            nodes_nudge(choosing, now=now)
            record(actor=actor, action=action, target=locked, detail=detail, now=now)
            for node in choosing:
                _follow(node, locked, detail, actor, now)
    except IntegrityError as exc:
        raise InputInvalid({"files": ["This certificate already exists. See the list of certificates."]}) from exc
    certificate.refresh_from_db()
    return certificate


def _follow(node: Node, certificate: BrowserCertificate, detail: dict[str, Any], actor: Actor, now: datetime) -> None:
    """Update the node's choice to the certificate's current thumbprint; the node gets it at its next call."""
    Node.objects.filter(pk=node.pk).update(browser_thumbprint=certificate.thumbprint, browser_chosen_at=now)
    if node.browser_thumbprint not in (certificate.thumbprint, certificate.sha256):
        chosen = {"thumbprint": certificate.thumbprint, "before": node.browser_thumbprint, "name": certificate.name}
        record(actor=actor, action="node.browser_certificate_chosen", target=node, detail=chosen, now=now)


def browser_certificate_request(
    *, actor: Actor, host_names: Sequence[str], name: str = "", key_type: str = KeyType.RSA_3072, now: datetime
) -> BrowserCertificate:
    """Create a key, stored encrypted, and a certificate request for `host_names`.

    Raises: PermissionRefused, InputInvalid, ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require("nodes.add_browsercertificate")
    if key_type not in KEY_TYPES:
        raise InputInvalid({"key_type": [f"“{key_type[:20]}” is not a known kind of key. The known kinds are: {', '.join(KEY_TYPES)}."]})
    checked = _name_checked(name) if name else ""
    try:
        browser_facing.requested_names(host_names)  # before the key is made, which is slow
        key = keys.generate(KeyType(key_type))
        csr = browser_facing.request(key, host_names)
    except InvalidName as exc:
        raise InputInvalid({"host_names": [str(exc)]}) from exc
    certificate = BrowserCertificate(
        name=checked or _free_name(host_names[0]), source=BrowserCertificate.Source.REQUEST, state=BrowserCertificateState.AWAITING_ANSWER,
        names=list(host_names), key_type=key_type, private_key=keys.to_pem(key), csr=csr.decode(), actor=actor.label, created_at=now,
    )  # fmt: skip
    return _saved(certificate, action="browser_certificate.requested", detail={"names": list(host_names)}, actor=actor, now=now)


def browser_certificate_answer(
    *, actor: Actor, certificate: BrowserCertificate, files: Sequence[File], passphrase: str = "", now: datetime
) -> BrowserCertificate:
    """Add the certificate that an authority issued for a request, a replacement, or more of the chain of an existing one.

    Raises: PermissionRefused, InputInvalid, ChoiceBlocked, IllegalNodeTransition, StaleNode.
    """
    actor.require("nodes.change_browsercertificate")
    key, kept = private_key_of(certificate), _kept(certificate)
    if key is None:
        remedy = Remedy.UPLOAD_WITH_KEY if certificate.is_ready else Remedy.ANOTHER_REQUEST
        raise IllegalNodeTransition(f"The private key of {certificate} cannot be decrypted, so nothing can be added to it. {remedy}")
    pair = _read(lambda: browser_facing.answer(files, passphrase, key=key, kept=kept, judge=judge, now=now))
    there = _there(pair.leaf)
    if there is not None and there.pk != certificate.pk:
        raise InputInvalid({"files": [f"This certificate already exists: {there}. {Remedy.CHOOSE_THAT}"]})
    is_another = certificate.is_ready and pair.leaf.thumbprints[1] != certificate.sha256
    if is_another:
        _check_replacement(certificate, pair, key, now)
    added = "browser_certificate.completed" if certificate.is_ready else "browser_certificate.answered"
    action = "browser_certificate.replaced" if is_another else added
    return _changed(certificate, _described(pair), action=action, actor=actor, now=now)


def _check_replacement(certificate: BrowserCertificate, pair: ServerPair, key: ForeignPrivateKey, now: datetime) -> None:
    """Check that every node that has chosen it can use the replacement. Raises: ChoiceBlocked."""
    for node in chosen_by(certificate):
        found = findings_for(pair.path, key, node, now=now)
        if any(finding.level == "blocker" for finding in found):
            raise ChoiceBlocked(found)


def browser_certificate_choose(*, actor: Actor, node: Node, thumbprint: str, now: datetime) -> Node:
    """Choose the certificate that `node` serves to browsers; "" for the trust zone's certificate. A thumbprint without a certificate here is allowed.

    Raises: PermissionRefused, InputInvalid, ChoiceBlocked, IllegalNodeTransition.
    """
    actor.require("nodes.choose_browsercertificate")
    try:
        chosen = browser_facing.thumbprint(thumbprint) if thumbprint.strip() else ""
    except ThumbprintInvalid as exc:
        raise InputInvalid({"thumbprint": [str(exc)]}) from exc
    if node.state == NodeState.DECOMMISSIONED:
        raise IllegalNodeTransition(f"{node} is decommissioned and no longer serves certificates.")
    with transaction.atomic():
        certificate = BrowserCertificate.objects.select_for_update().of_thumbprint(chosen).first()
        if certificate is not None:
            _check_fits(certificate, node, now)
        before = node.browser_thumbprint
        if chosen == before:
            return node
        Node.objects.filter(pk=node.pk).update(browser_thumbprint=chosen, browser_chosen_at=now)
        nodes_nudge([node], now=now)
        detail = {"thumbprint": chosen, "before": before, "name": certificate.name if certificate else ""}
        record(actor=actor, action="node.browser_certificate_chosen", target=node, detail=detail, now=now)
    node.refresh_from_db()
    return node


def _check_fits(certificate: BrowserCertificate, node: Node, now: datetime) -> None:
    try:
        found = findings_for(certificate.path(), private_key_of(certificate), node, now=now)
    except PKIError as exc:
        found = [browser_checks.unreadable(exc)]
    if any(finding.level == "blocker" for finding in found):
        raise ChoiceBlocked(found)


def chosen_by(certificate: BrowserCertificate) -> models.QuerySet[Node]:
    """The nodes that have chosen `certificate`."""
    if not certificate.is_ready:
        return Node.objects.none()
    return Node.objects.present().filter(browser_thumbprint__in=[certificate.thumbprint, certificate.sha256])


@transaction.atomic
def browser_certificate_delete(*, actor: Actor, certificate: BrowserCertificate, now: datetime) -> None:
    """Delete a certificate with its key, if it still exists. Raises: PermissionRefused, IllegalNodeTransition while a node has chosen it."""
    actor.require("nodes.delete_browsercertificate")
    there = BrowserCertificate.objects.select_for_update().filter(pk=certificate.pk).first()
    if there is None:
        return
    if nodes := [str(node) for node in chosen_by(there)[: MOST_NAMED + 1]]:
        named = ", ".join(nodes[:MOST_NAMED]) + " and others" * (len(nodes) > MOST_NAMED)
        raise IllegalNodeTransition(f"{there} is chosen for {named}. {Remedy.CHOOSE_FIRST}")
    detail = {"thumbprint": there.thumbprint, "state": there.state}
    record(actor=actor, action="browser_certificate.deleted", target=there, detail=detail, now=now)
    there.delete()


def chosen_certificate(node: Node) -> BrowserCertificate | None:
    """The certificate with the node's chosen thumbprint, if it is stored here."""
    return BrowserCertificate.objects.of_thumbprint(node.browser_thumbprint).first() if node.browser_thumbprint else None


def choice_for(node: Node, certificate: BrowserCertificate | None, *, with_key: bool = False) -> BrowserChoice | None:
    """The choice for the node, where `certificate` has its chosen thumbprint; None if nothing is chosen. The revision does not depend on the key.

    A thumbprint can be chosen before its certificate is uploaded, without any check. If the certificate is then blocked, its key is not sent.
    """
    if not node.browser_thumbprint:
        return None
    if certificate is None:
        return BrowserChoice(node.browser_thumbprint, (), None)
    chain = tuple(pem.encode() for pem in certificate.certificates)
    with_key = with_key and not blockers_when_chosen(node, certificate)
    return BrowserChoice(node.browser_thumbprint, chain, key_of(certificate) if with_key else None)


def choice_sealed(node: Node) -> bytes | None:
    """The choice with its key, encrypted for this node; None if nothing is chosen. Raises: IllegalNodeTransition, PackageInvalid."""
    choice = choice_for(node, chosen_certificate(node), with_key=True)
    if choice is None:
        return None
    current = held(node, node.generation + 1)
    if current is None:
        raise IllegalNodeTransition(f"{node} has no service certificate, so the key cannot be encrypted for it. Redistribute the node.")
    return browser_choice.seal(choice, current.x509())
