"""A linter's opinion before anything is signed."""

import functools

from pkilint import loader
from pkilint.pkix import certificate as pkix
from pkilint.pkix import extension, name
from pkilint.validation import ValidationFindingSeverity, Validator


@functools.cache
def validator() -> Validator:
    """pkilint's PKIX profile, built once; a long-lived process calls it early, since it is large."""
    return pkix.create_pkix_certificate_validator_container(
        pkix.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            pkix.create_issuer_validator_container([]),
            pkix.create_validity_validator_container(),
            pkix.create_subject_validator_container([]),
            pkix.create_extensions_validator_container([]),
        ],
    )


def lint(der: bytes) -> list[str]:
    """Every finding of pkilint's PKIX profile above *info*, as "severity code"; empty is good."""
    document = loader.load_certificate(der, "certificate")
    results = validator().validate(document.root)
    return [
        f"{finding.finding.severity.name} {finding.finding.code}"
        for result in results
        for finding in result.finding_descriptions
        if finding.finding.severity > ValidationFindingSeverity.INFO
    ]
