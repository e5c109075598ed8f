"""Examples of the schema: realistic values of fields by their names, from which bodies, answers and parameters are put together."""

from typing import Any

ID, WHEN = "3f2b6c1e-8a54-4f0e-9d2c-5b7a61c0e4d8", "2026-12-01T12:00:00Z"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n"
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFkw…\n-----END PUBLIC KEY-----\n"
# The values of fields that have no format and no enumeration. Those of a list or a map are of its items. A type follows the name where another type has another value.
WORDS: dict[str, Any] = {
    "seconds": -3600.0, "accepted_gaps": 0, "acknowledged_by": "ann", "action": "nodes.renew", "actor": "ann", "address": "10.4.2.7", "addresses": "10.4.0.0/16",
    "agent": "older", "agent_system": "Debian 13", "agent_version": "1.4.0", "allowed_hosts": "console.example", "api_address": "https://cloud.example",
    "attempts": 1, "attention": "any", "audience": "qlik.api/login/jwt-session", "authorities": PEM, "base_url": "https://console.example:8443", "begun_by": "ann",
    "ca": PEM, "called": "https://10.4.2.1:4443", "certificate": PEM, "certificates": 12, "certificates: string": "console.example", "chain": PEM, "changed_by": "ann",
    "changes": "The lifetime of new certificates", "channel_name": "Operations", "checkpoint": 118, "client": "EC P-256", "client_id": "console",
    "client_secret": "a secret of the provider", "clock_offset_s": 0.2, "cluster": "RSA-2048", "code": "certificate_expiring", "codes": "certificate_expiring",
    "connection_string": "Driver=PostgreSQL;Server=db.example;Database=sales", "contains": "all private keys", "counts": 3, "created_by": "ann", "csr": PEM,
    "days": 1, "days_left": 364, "decided_by": "ann", "default": "12 months", "detail": "waiting", "distribution_port": 4444,
    "done": 3, "environment": "QMC_KEY_TYPES", "error": "", "events_url": f"/api/v1/nodes/{ID}/events/", "explained_by": "", "explanation": "Renewed automatically.",
    "exports": 2, "field": "address", "file": "segment-1-5000.jsonl", "filter": "rim", "findings": "Event 17 was changed.", "first": 1, "folder": "/var/backups/console",
    "folder_host": "central.example", "folder_problem": "", "from": 1, "from_minute": 480, "further_hosts": "login.example", "generated_secrets": "whsec_…",
    "generation": 1, "given_by": "ann", "If-Match": "*", "as_of": "2099-01-01", "group": "console-admins", "groups_claim": "groups", "holder": "rim1", "host": "logs.example", "host_name": "rim1.example",
    "host_names": "console.example", "hour": 3, "id": ID, "identifier": "ann@login.example", "issuer": "https://login.example", "keep": 14, "key_id": "d3b07384",
    "key_type": "RSA-2048", "kind": "webhook", "knows": "https://10.4.2.1:4443", "label": "rim1", "lacking": 1, "last": 5000, "least_s": 60, "last_error": "", "last_event": 5017,
    "last_used_from": "10.4.2.9", "machine_name": "report1.example", "machine_names": "report1.example", "made_by": "ann", "maximum": 60,
    "message": "Give a string.", "minimum": 1, "most_s": 600, "months": 12, "name": "rim1", "name_claim": "preferred_username", "losing_contact": 0, "needs": "",
    "node": "rim1", "q": "rim", "node_api_address": "https://10.4.2.1:4443", "node_api_addresses": "https://10.4.2.1:4443", "node_port": 4445, "nodes": 12, "note": "We replace the disk.",
    "notes": "Second machine room", "number": 1, "outcome": "done", "overridden_by_environment": "QMC_BASE_URL", "owner": "ann", "owner_name": "ann", "page": 1,
    "page_size": 50, "parameters": "prod", "part": "Alert delivery", "passphrase": "correct horse battery staple", "password": "battery-staple-9",
    "password_key_version": 1, "people": 3, "percent": 50, "phase": "distributing", "port": 6514, "possible": 3, "private_key": PEM.replace("CERTIFICATE", "PRIVATE KEY"),
    "problem": "", "progress": "3 of 12 nodes", "provider_identifier": "ann@login.example", "public_key": PUBLIC_KEY, "reason": "The machine was replaced.",
    "refused": "", "release": "November 2025", "remedy": "Renew it.", "removed": "totp", "renewals": 4, "request_id": ID, "requested": 12, "returns": 0,
    "revocation_code": "superseded", "role": "Viewer", "roles": "Viewer", "root": "EC P-384", "rows_done": 3, "rows_total": 12, "scopes": "openid", "search": "rim",
    "second_factor": "RootAdmin", "secret": "battery-staple-9", "secrets_set": True, "sequence": 5017, "serial": "4f9c2a", "serves": "proxy", "service": "RSA-2048",
    "services": "proxy", "sessions": 2, "sha256": SHA256, "size": 1048576, "state": "registered", "state_reason": "", "status": "issued", "status_reason": "",
    "subject": "rim1", "subject_alternative_names": "rim1.example", "subject_name": "rim1", "subject_path": f"/nodes/{ID}/", "tag": "prod", "tags": "prod",
    "target": "rim1", "text": "The certificate expires in 3 days.", "threshold_days": 3.0, "thresholds": 30.0, "thumbprint": SHA256, "time_zone": "Europe/Zurich",
    "title": "A certificate expires soon", "to": 5000, "to_version": 2, "token": "qmc_…", "total": 12, "totals": 4, "trusted_origins": "https://console.example",
    "type": "nodes.node", "unreadable": "The connection sales", "until_minute": 1080, "upgraded_from": "", "url": f"/nodes/{ID}/", "username": "monitoring",
    "value": "12 months", "values": "https://hooks.example/", "version": "1.4.0", "waiting": 0, "waits_for_exports": "report1.example", "waits_for_total": 1,
    "watchdog_url": "https://watchdog.example/ping", "weekday": 0, "zone": "Main site",
}  # fmt: skip
# Bodies whose fields exclude each other, or are of one kind.
BODIES: dict[str, dict[str, Any]] = {
    "BulkInput": {"action": "nodes.renew", "filter": {"search": "rim"}, "preview": True},
    "BrowserCertificateInput": {"host_names": ["console.example"], "key_type": "RSA-2048"},
    "ChannelInput": {"name": "On call", "kind": "webhook", "values": {"url": "https://hooks.example/"}},
    "PatchedChannelChangeInput": {"values": {"url": "https://hooks.example/"}, "enabled": True},
    "PatchedNodeChangeInput": {"tags": ["prod"], "notes": "Second machine room"},
    "RotationInput": {"kind": "root", "keeps_for_exports": True},
}
FORMATS = {"uuid": ID, "date-time": WHEN, "uri": "https://central.example:8443/api/v1/nodes/?cursor=WyJyaW0xIl0", "binary": "(a file)"}
OTHER_MEDIA: dict[str, Any] = {
    "application/x-pem-file": PEM,
    "application/jsonl": '{"sequence": 5017, "action": "node.created"}\n',
    "application/octet-stream": "(an encrypted file)",
    "application/x-pkcs12": "(a file)",
    "application/jwk-set+json": {"keys": [{"kty": "RSA", "kid": "d3b07384", "use": "sig", "alg": "RS256", "n": "0vx7…", "e": "AQAB"}]},
}


def media_example(media_type: str, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The example of a body or an answer."""
    return OTHER_MEDIA[media_type] if media_type in OTHER_MEDIA else _example("", schema, schemas)


def parameter_example(parameter: dict[str, Any], schemas: dict[str, Any]) -> Any:
    return _example(parameter["name"], parameter["schema"], schemas)


def _example(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The example of a field. Raises: KeyError for a field without a known value: add it to WORDS."""
    if "$ref" in schema:
        component = schema["$ref"].rpartition("/")[2]
        return BODIES.get(component) or _example(name, schemas[component], schemas)
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            return _example(name, schema[several][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        return _object(name, schema, schemas)
    if kind == "array":
        return [_example(name, schema["items"], schemas)]
    if kind == "boolean":
        return schema.get("default", False)
    return FORMATS.get(schema.get("format", "")) or WORDS.get(f"{name}: {kind}") or WORDS[name]


def _object(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if "properties" in schema:
        return {field: _example(field, inner, schemas) for field, inner in schema["properties"].items()}
    if not name:
        return {}
    return {"name": _example(name, schema["additionalProperties"] or {"type": "string"}, schemas)}
