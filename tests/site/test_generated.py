"""What is made from the schema works with a running site: generated requests, and a generated client."""

import importlib
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmc.schema.kept import KEPT
from sitekit.site import TAKEN, Site, running_site
from tests.environment import QUICK
from tests.slow import takes_minutes

pytestmark = takes_minutes
PROGRAMS, RUN_S = Path(sys.executable).parent, int(os.environ.get("QMC_GENERATED_S", "600"))
# A rule between fields, and a name that exists or does not exist, are in no schema: a valid request may be refused with these.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 406, 409, 412, 422, 429]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429]
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own, because generated requests change everything."""
    with running_site(tmp_path_factory.mktemp("generated"), "embedded", environment=QUICK) as site:
        yield site


def roots(site: Site) -> str:
    return str(site.data / "node/current/machine/root/roots.pem")


def test_a_generated_client_registers_a_node(own: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings.json"
    # PEM has a media type of its own. Without the override, the generator leaves these answers out.
    settings.write_text(json.dumps({"post_hooks": [], "content_type_overrides": {"application/x-pem-file": "application/octet-stream"}}))
    command = [PROGRAMS / "openapi-python-client", "generate", "--path", KEPT, "--output-path", tmp_path / "generated_client"]
    subprocess.run([*command, "--meta", "none", "--config", settings], check=True, capture_output=True)
    monkeypatch.syspath_prepend(tmp_path)

    def part(name: str) -> Any:
        return importlib.import_module(f"generated_client.{name}")

    context, address = ssl.create_default_context(cafile=roots(own)), own.agents[0]
    with part("client").AuthenticatedClient(f"https://127.0.0.1:{own.port}", own.token, verify_ssl=context) as client:
        body = part("models").NodeInput(name="rim1", host_name="rim1.example", address=address)
        node = part("api.nodes.nodes_create").sync(client=client, body=body)
        ceremony = part("api.nodes.nodes_register_create").sync(node.id, client=client, idempotency_key="rim1")
        again = part("api.nodes.nodes_create").sync(client=client, body=body)
        own.wait_for_state(str(node.id), "awaiting_password")
        assert own.type(address, ceremony.password)[0] in TAKEN
        own.wait_for_state(str(node.id), "registered")
        states = part("models").NodesListState
        found = part("api.nodes.nodes_list").sync(client=client, state=states.REGISTERED)
    assert (again.type_, again.errors[0].code) == (part("models").ProblemTypeEnum.URNTRUST_ZONEINVALID, "invalid")
    assert node.id in [shown.id for shown in found.results]


def test_generated_requests_get_only_answers_of_the_schema(own: Site, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    scopes = ("--scope", "read", "--scope", "write", "--scope", "accounts")
    token = own.manage("create_token", "admin", "--skip-checks", "--name", "generated", *scopes).strip()
    command = [PROGRAMS / "schemathesis", "run", f"https://127.0.0.1:{own.port}/api/v1/schema/?format=json", "--tls-verify", roots(own)]
    command += [
        "--header",
        f"Authorization: Bearer {token}",
        "--max-time",
        str(RUN_S),
        "--phases",
        "examples,coverage,fuzzing",
        "--no-color",
    ]
    command += ["--generation-with-security-parameters", "false", "--generation-database", "none", "--continue-on-failure"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
