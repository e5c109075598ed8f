"""Lints certificates before they are signed."""

import functools
from collections.abc import Callable

from pki.core.errors import InvalidName
from pki.core.names import host_name

NOT_PUBLIC = "pkix.invalid_domain_name_syntax"  # pkilint wants a name of the public DNS: `localhost` and `node.c` have none


def _is_host_name(text: str) -> bool:
    try:
        return host_name(text, limit=253) == text
    except InvalidName:
        return False


@functools.cache
def _linter() -> Callable[[bytes], list[tuple[str, str]]]:
    """pkilint's PKIX profile, built once: DER in, findings worse than *info* out, each as severity and code."""
    # Imported here, because it takes half a second and 25 MB, and most processes never sign.
    from pkilint import loader  # noqa: PLC0415
    from pkilint.pkix import certificate as pkix  # noqa: PLC0415
    from pkilint.pkix import extension, name  # noqa: PLC0415
    from pkilint.validation import ValidationFindingSeverity  # noqa: PLC0415

    validator = pkix.create_pkix_certificate_validator_container(
        pkix.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            pkix.create_issuer_validator_container([]),
            pkix.create_validity_validator_container(),
            pkix.create_subject_validator_container([]),
            pkix.create_extensions_validator_container([]),
        ],
    )

    def findings(der: bytes) -> list[tuple[str, str]]:
        results = validator.validate(loader.load_certificate(der, "certificate").root)
        found = [(description.finding, result.node.pdu) for result in results for description in result.finding_descriptions]
        return [
            (finding.severity.name, finding.code)
            for finding, value in found
            if finding.severity < ValidationFindingSeverity.INFO and not (finding.code == NOT_PUBLIC and _is_host_name(str(value)))
        ]

    return findings


def prepare_linter() -> None:
    """Build the linter now. Long-lived processes do this at their start, because it is large."""
    _linter()


def lint(der: bytes) -> list[str]:
    """Every finding of pkilint's PKIX profile that is worse than *info*, as "severity code"; empty without findings."""
    return [f"{severity} {code}" for severity, code in _linter()(der)]
