"""What a page can do, the API can do too: each form of a page has an operation, or a reason why it has none."""

import json
import re
from pathlib import Path

from tests.qmc.test_access import table

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/develop/openapi.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete")
# Page → the operations that do the same.
OPERATIONS = {
    "/clock/": "POST /clock/confirm/",
    "/settings/addresses/": "PUT /settings/addresses/",
    "/backups/new/": "POST /backups/",
    "/backups/schedule/": "PUT /settings/backups/",
    "/backups/{}/download/": "POST /backups/{id}/download/",
    "/backups/{}/remove/": "DELETE /backups/{id}/",
    "/jobs/{}/cancel/": "POST /jobs/{id}/cancel/",
    "/jobs/{}/retry/": "POST /jobs/{id}/retry/",
    "/settings/syslog/": "PATCH /syslog-receivers/{id}/",
    "/settings/syslog/new/": "POST /syslog-receivers/",
    "/settings/syslog/{}/": "PATCH /syslog-receivers/{id}/",
    "/settings/syslog/{}/test/": "POST /syslog-receivers/{id}/test/",
    "/settings/syslog/{}/remove/": "DELETE /syslog-receivers/{id}/",
    "/bulk/new/": "POST /bulk/",
    "/bulk/{}/cancel/": "POST /bulk/{id}/cancel/",
    "/bulk/{}/secrets/": "POST /bulk/{id}/secrets/",
    "/nodes/register/": "POST /nodes/, POST /nodes/{id}/register/",
    "/nodes/register/checks/": "POST /nodes/preflight/",
    "/nodes/register-many/": "POST /nodes/bulk/",
    "/nodes/register-many/{}/": "POST /nodes/bulk/",
    "/nodes/{}/edit/": "PATCH /nodes/{id}/",
    "/nodes/{}/take-address/": "PATCH /nodes/{id}/",
    "/nodes/{}/callers-settled/": "POST /nodes/{id}/callers-settled/",
    "/nodes/{}/redistribute/": "POST /nodes/{id}/register/",
    "/nodes/{}/renew/": "POST /nodes/{id}/renew/",
    "/nodes/{}/remove/": "POST /nodes/{id}/decommission/, DELETE /nodes/{id}/",
    "/nodes/{}/browser-certificate/": "PUT /nodes/{id}/browser-certificate/",
    "/browser-certificates/upload/": "POST /browser-certificates/",
    "/browser-certificates/request/": "POST /browser-certificates/",
    "/browser-certificates/{}/answer/": "POST /browser-certificates/{id}/answer/",
    "/browser-certificates/{}/choose/": "PUT /nodes/{id}/browser-certificate/",
    "/browser-certificates/{}/remove/": "DELETE /browser-certificates/{id}/",
    "/connections/new/": "POST /connections/",
    "/connections/{}/": "PUT /connections/{id}/, PATCH /connections/{id}/",
    "/connections/{}/remove/": "DELETE /connections/{id}/",
    "/cluster/site/": "PUT /cluster/site/",
    "/cluster/manual/deliver/": "POST /cluster/deliver/",
    "/cluster/manual/{}/tick/": "PUT /cluster/nodes/{id}/",
    "/cluster/pfx/": "POST /cluster/pfx/",
    "/cluster/check-token/": "POST /cluster/check-token/",
    "/cluster/deployments/new/": "POST /deployments/",
    "/cluster/deployments/{}/": "PUT /deployments/{id}/",
    "/cluster/deployments/{}/remove/": "DELETE /deployments/{id}/",
    "/cluster/deployments/{}/test-token/": "POST /deployments/{id}/test-token/",
    "/database-key/rotate/": "POST /rotations/",
    "/database-key/{}/pause/": "POST /rotations/{id}/pause/, POST /rotations/{id}/resume/",
    "/roots/rotate/": "POST /rotations/",
    "/roots/setting/": "PUT /settings/root-rotation/",
    "/roots/{}/pause/": "POST /rotations/{id}/pause/, POST /rotations/{id}/resume/",
    "/roots/{}/roll-back/": "POST /rotations/{id}/roll-back/",
    "/roots/{}/exclude/{}/": "POST /rotations/{id}/exclude/",
    "/certificates/{}/revoke/": "POST /certificates/{id}/revoke/",
    "/settings/calls/": "PUT /settings/calls/",
    "/settings/key-types/": "PUT /settings/key-types/",
    "/settings/lifetime/": "PUT /settings/lifetime/",
    "/exports/new/": "POST /exports/",
    "/exports/{}/role/": "PUT /exports/{id}/role/, DELETE /exports/{id}/role/",
    "/exports/{}/renew/": "POST /exports/{id}/renew/",
    "/exports/{}/revoke/": "POST /exports/{id}/revoke/",
    "/alerts/rules/": "PUT /settings/alerts/",
    "/alerts/{}/": "POST /alerts/{id}/acknowledge/",
    "/alerts/channels/new/": "POST /alert-channels/",
    "/alerts/channels/{}/": "PATCH /alert-channels/{id}/",
    "/alerts/channels/{}/remove/": "DELETE /alert-channels/{id}/",
    "/alerts/channels/{}/test/": "POST /alert-channels/{id}/test/",
    "/alerts/routes/new/": "POST /alert-routes/",
    "/alerts/routes/{}/": "PATCH /alert-routes/{id}/",
    "/alerts/routes/{}/remove/": "DELETE /alert-routes/{id}/",
    "/audit/export/": "GET /audit/export/",
    "/audit/segments/close/": "POST /audit/segments/",
    "/audit/segments/{}/remove/": "POST /audit/segments/{id}/remove/",
    "/settings/provider/": "PUT /settings/identity-provider/",
    "/people/new/": "POST /people/",
    "/people/roles/": "PUT /people/roles/",
    "/people/{}/": "PATCH /people/{id}/",
    "/people/{}/activity/": "PATCH /people/{id}/",
    "/people/{}/link/": "POST /people/{id}/link/",
    "/people/{}/provider/": "PUT /people/{id}/provider/, DELETE /people/{id}/provider/",
    "/people/{}/second-factors/": "POST /people/{id}/reset-second-factors/",
    "/people/{}/sign-out/": "POST /people/{id}/sign-out/",
    "/tokens/new/": "POST /tokens/",
    "/tokens/{}/": "PATCH /tokens/{id}/",
    "/tokens/{}/revoke/": "DELETE /tokens/{id}/",
}
SIGN_IN = "a person signs in, or out; programs have tokens"
OWN = "it belongs to the person in the browser: their session, password, second factors, and how pages look to them"
# Pages, and why there is no operation.
WITHOUT = {
    "/recreate-root/": "a disaster: the person must have the backup and the root passphrase at hand",
    "/exports/asked/{}/download/": "private keys of machines leave the site to a person who has just signed in, not to a stored token; a folder on a machine is the way for programs",
    "/accounts/": SIGN_IN,
    "/people/link/{}/": "the person sets the first password in a browser",
    "/account/": OWN,
    "/settings/provider/test/": "the person signs in with the provider, in a browser",
    "/too-large/": "no form: it says that a form was too large",
    "/qrs/": "another API",
}


# Pages that change nothing. They answer POST as GET.
SHOWN = {
    "/",
    "/alerts/",
    "/alerts/channels/",
    "/alerts/channels/{}/deliveries/",
    "/alerts/deliveries/{}/",
    "/alerts/preview/",
    "/alerts/routes/",
    "/audit/",
    "/audit/public-key.pem",
    "/audit/segments/",
    "/audit/{}/",
    "/backups/",
    "/backups/{}/",
    "/browser-certificates/",
    "/browser-certificates/{}/",
    "/browser-certificates/{}/chain.pem",
    "/browser-certificates/{}/request.csr",
    "/bulk/{}/",
    "/certificates/",
    "/certificates/{}/",
    "/certificates/{}/crl/",
    "/certificates/{}/exposure/",
    "/certificates/{}/pem/",
    "/cluster/",
    "/cluster/manual/",
    "/connections/",
    "/database-key/",
    "/expiry/",
    "/expiry/picture/",
    "/exports/",
    "/exports/asked/{}/",
    "/exports/{}/",
    "/exports/{}/history/",
    "/help/",
    "/help/api-operations/",
    "/help/api-operations/{}/",
    "/help/files/{}",
    "/help/{}/",
    "/jobs/",
    "/jobs/{}/",
    "/nodes/",
    "/nodes/{}/",
    "/nodes/{}/history/",
    "/overview/certificates/",
    "/overview/keys/",
    "/overview/next-expiry/",
    "/overview/nodes/",
    "/people/",
    "/roots/",
    "/search/",
    "/settings/",
    "/shortcuts/",
    "/tokens/",
}


def pages() -> dict[str, bool]:
    """The pages that answer POST, and whether they answer it as GET."""
    rows = ((route, methods) for route, methods in table().items() if not route.startswith("/api/") and "POST" in methods)
    return {re.sub(r"<[^>]+>", "{}", route): methods.get("GET") == methods["POST"] for route, methods in rows}


def test_every_page_that_takes_a_form_has_an_operation_or_a_reason() -> None:
    of_reasons = {page for page in pages() if page.startswith(tuple(WITHOUT))}
    assert pages().keys() - of_reasons - OPERATIONS.keys() == SHOWN, (
        "Add the operation to the API and a row to OPERATIONS, or a reason to WITHOUT."
    )
    assert not of_reasons & OPERATIONS.keys()
    assert [page for page in SHOWN if not pages()[page]] == []


def test_every_row_names_what_is_there() -> None:
    assert OPERATIONS.keys() <= pages().keys()
    assert [start for start in WITHOUT if not any(page.startswith(start) for page in pages())] == []
    there = {
        f"{method.upper()} {path.removeprefix('/api/v1')}" for path, item in SCHEMA["paths"].items() for method in item if method in METHODS
    }
    named = {operation for several in OPERATIONS.values() for operation in several.split(", ")}
    assert named - there == set()


def test_no_operation_that_changes_is_left_over() -> None:
    """Only the API has these."""
    there = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, item in SCHEMA["paths"].items()
        for method in item
        if method in METHODS[1:]
    }
    named = {operation for several in OPERATIONS.values() for operation in several.split(", ")}
    assert there - named == set()
