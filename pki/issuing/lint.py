"""Lints certificates before they are signed."""

import functools
from typing import Any

from pki.core.errors import InvalidName
from pki.core.names import host_name

NOT_PUBLIC = "pkix.invalid_domain_name_syntax"  # pkilint wants a name of the public DNS: `localhost` and `node.c` have none


def _is_host_name(text: str) -> bool:
    try:
        return host_name(text, limit=253) == text
    except InvalidName:
        return False


@functools.lru_cache(maxsize=4096)
def _possible(container: Any, kind: type) -> tuple[Any, ...]:
    """The validators of pkilint's `container` that can match a node of this class, in their order.

    pkilint asks each validator at each node, which takes a third of its time.
    """
    return tuple(validator for validator in container.validators if issubclass(kind, getattr(validator, "_pdu_class", None) or object))


def _validate(container: Any, node: Any, results: list[Any]) -> None:
    """Do what `container.validate(node)` does, and ask only the possible validators."""
    kind: Any = type(node.pdu)
    for validator in _possible(container, kind):
        if not validator.match(node):
            continue
        if hasattr(validator, "validators"):
            _validate(validator, node, results)
        else:
            results.append(validator.validate_wrapper(node))
    for child in node.children.values():
        _validate(container, child, results)


@functools.cache
def _profile() -> Any:
    """pkilint's PKIX profile, built once."""
    # Imported here, because it takes half a second and 25 MB, and most processes never sign.
    from pkilint.pkix import certificate as pkix  # noqa: PLC0415
    from pkilint.pkix import extension, name  # noqa: PLC0415

    return pkix.create_pkix_certificate_validator_container(
        pkix.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            pkix.create_issuer_validator_container([]),
            pkix.create_validity_validator_container(),
            pkix.create_subject_validator_container([]),
            pkix.create_extensions_validator_container([]),
        ],
    )


def prepare_linter() -> None:
    """Build the linter now. Long-lived processes do this at their start, because it is large."""
    _profile()


def lint(der: bytes) -> list[str]:
    """Every finding of pkilint's PKIX profile that is worse than *info*, as "severity code"; empty without findings."""
    from pkilint import loader  # noqa: PLC0415
    from pkilint.validation import ValidationFindingSeverity  # noqa: PLC0415

    results: list[Any] = []
    _validate(_profile(), loader.load_der_certificate(der, "certificate").root, results)
    found = [(description.finding, str(result.node.pdu)) for result in results for description in result.finding_descriptions]
    return [
        f"{finding.severity.name} {finding.code}"
        for finding, value in found
        if finding.severity < ValidationFindingSeverity.INFO and not (finding.code == NOT_PUBLIC and _is_host_name(value))
    ]
