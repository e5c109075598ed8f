"""Lints certificates before they are signed."""

import functools
from collections.abc import Callable


@functools.cache
def _linter() -> Callable[[bytes], list[tuple[str, str]]]:
    """pkilint's PKIX profile, built once: DER in, findings above *info* out, each as severity and code."""
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
        found = [description.finding for result in results for description in result.finding_descriptions]
        return [(finding.severity.name, finding.code) for finding in found if finding.severity > ValidationFindingSeverity.INFO]

    return findings


def prepare_linter() -> None:
    """Build the linter now. Long-lived processes do this at their start, because it is large."""
    _linter()


def lint(der: bytes) -> list[str]:
    """Every finding of pkilint's PKIX profile above *info*, as "severity code"; empty without findings."""
    return [f"{severity} {code}" for severity, code in _linter()(der)]
