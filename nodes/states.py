"""The states of a node, of a renewal and of a browser certificate, with one transition table each."""

from django.db.models import TextChoices


class NodeState(TextChoices):
    CREATED = "created"
    ISSUING = "issuing"
    DISTRIBUTING = "distributing"
    AWAITING_PASSWORD = "awaiting_password"  # noqa: S105
    VERIFYING = "verifying"
    REGISTERED = "registered"
    FAILED = "failed"
    DECOMMISSIONED = "decommissioned"


S = NodeState
TRANSITIONS: dict[NodeState, frozenset[NodeState]] = {
    S.CREATED: frozenset({S.ISSUING, S.DECOMMISSIONED}),
    S.ISSUING: frozenset({S.DISTRIBUTING, S.FAILED, S.DECOMMISSIONED}),
    S.DISTRIBUTING: frozenset({S.AWAITING_PASSWORD, S.VERIFYING, S.FAILED, S.DECOMMISSIONED}),
    S.AWAITING_PASSWORD: frozenset({S.VERIFYING, S.ISSUING, S.FAILED, S.DECOMMISSIONED}),
    S.VERIFYING: frozenset({S.REGISTERED, S.FAILED, S.DECOMMISSIONED}),
    S.REGISTERED: frozenset({S.ISSUING, S.FAILED, S.DECOMMISSIONED}),  # failed: the root was recreated
    S.FAILED: frozenset({S.ISSUING, S.DECOMMISSIONED}),
    S.DECOMMISSIONED: frozenset(),
}
UNDER_WAY = frozenset({S.ISSUING, S.DISTRIBUTING, S.AWAITING_PASSWORD, S.VERIFYING})


class RenewalStatus(TextChoices):
    REQUESTED = "requested"
    OFFERED = "offered"
    PROVING = "proving"
    PROVED = "proved"
    FAILED = "failed"


RENEWAL_ENDED = (RenewalStatus.PROVED, RenewalStatus.FAILED)
R = RenewalStatus
RENEWAL_TRANSITIONS: dict[RenewalStatus, frozenset[RenewalStatus]] = {
    R.REQUESTED: frozenset({R.OFFERED, R.FAILED}),
    R.OFFERED: frozenset({R.PROVING, R.FAILED}),
    R.PROVING: frozenset({R.PROVED, R.FAILED}),
    R.PROVED: frozenset(),
    R.FAILED: frozenset(),
}


class BrowserCertificateState(TextChoices):
    AWAITING_ANSWER = "awaiting_answer"  # its key is stored here, its certificate is being issued elsewhere
    READY = "ready"


B = BrowserCertificateState
BROWSER_CERTIFICATE_TRANSITIONS: dict[BrowserCertificateState, frozenset[BrowserCertificateState]] = {
    B.AWAITING_ANSWER: frozenset({B.READY}),
    B.READY: frozenset({B.READY}),  # its chain was completed, or its certificate was replaced by another one for the same key
}
