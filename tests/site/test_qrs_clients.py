"""The npm package qrs-interact, unmodified, from `about` to a registered node, an export and a deleted node."""

import json
import subprocess
from pathlib import Path
from typing import Any

from sitekit.fleet import Fleet
from sitekit.site import ROOT, Site

USER = "UserDirectory=Internal;UserId=sa_api"


def interact(configuration: dict[str, Any], *calls: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The results of these calls by qrs-interact."""
    words = ["node", "tests/site/qrs_interact.cjs"]
    ended = subprocess.run(
        words, cwd=ROOT, input=json.dumps([configuration, calls]), capture_output=True, text=True, check=True, timeout=120
    )
    results: list[dict[str, Any]] = json.loads(ended.stdout)
    return results


def with_files(site: Site, folder: Path) -> dict[str, Any]:
    """The configuration of a client on port 4242 with `client.pem` and `client_key.pem` of a folder."""
    files = {"certFile": str(folder / "client.pem"), "keyFile": str(folder / "client_key.pem")}
    return {"hostname": "127.0.0.1", "portNumber": site.node_port, "certificates": files, "repoAccount": USER}


def test_qrs_interact_exports_registers_changes_and_deletes(site: Site, tmp_path: Path) -> None:
    central = with_files(site, site.data / "node/Exported Certificates/.Local Certificates")
    about, enums, exported, folder = interact(
        central,
        ("Get", "about"),
        ("Get", "about/api/enums"),
        ("Post", "certificatedistribution/exportcertificates", {"machineNames": ["scripts.example"], "exportFormat": "Pem"}, "json"),
        ("Get", "certificatedistribution/exportcertificatespath"),
    )
    assert (about["statusCode"], about["body"]["nodeType"], exported.get("statusCode")) == (200, 1, 200), exported
    assert enums["body"]["ServiceStateEnum"]["values"][2] == "2: Running"

    scripts = with_files(site, Path(folder["body"]) / "scripts.example")
    (refused,) = interact(scripts, ("Get", "about"))
    assert "403::The export scripts.example has no role" in refused["error"]
    (export,) = site.call("GET", "/exports/?search=scripts.example")[1]["results"]
    reader, site.token = (
        site.token,
        site.manage("create_token", "admin", "--name", "roles", "--scope", "accounts", "--scope", "read").strip(),
    )
    try:
        assert site.call("PUT", f"/exports/{export['id']}/role/", {"role": "DeploymentAdmin", "addresses": ["127.0.0.0/8"]})[0] == 200
    finally:
        site.token = reader

    with Fleet(tmp_path / "fleet", 1) as fleet:
        (address,) = fleet.addresses
        configuration = {"name": "rim9", "hostName": "rim9.example", "engineEnabled": True, "nodePurpose": 0, "address": address}
        created, listed = interact(
            scripts,
            ("Post", "servernodeconfiguration/container", {"configuration": configuration}, "json"),
            ("Get", "servernodeconfiguration?filter=name eq 'rim9'"),
        )
        node = created["body"]["configuration"]["id"]
        assert (created["statusCode"], [row["id"] for row in listed["body"]]) == (201, [node])
        (started,) = interact(scripts, ("Get", f"servernoderegistration/start/{node}"))
        site.wait_for_state(node, "awaiting_password")
        fleet.unlock(address, started["body"])
        site.wait_for_state(node, "registered")
        full, states = interact(
            scripts,
            ("Get", "servernodeconfiguration/full?filter=(hostName eq 'rim9.example')"),
            ("Get", "ServiceStatus/full?filter=serverNodeConfiguration.name eq 'rim9'"),
        )
        assert sorted((row["serviceType"], row["serviceState"]) for row in states["body"]) == [(0, 2), (3, 2)]
        (read,) = full["body"]
        changed, stale = interact(
            scripts,
            ("Put", f"servernodeconfiguration/{node}", read | {"name": "rim ten"}),
            ("Put", f"servernodeconfiguration/{node}", read | {"name": "rim eleven"}),
        )
        assert (changed["statusCode"], changed["body"]["name"]) == (200, "rim ten")
        assert "409::rim ten was changed since you read it, by export scripts.example as Internal\\sa_api." in stale["error"]
        deleted, gone, foreign = interact(
            scripts,
            ("Delete", f"servernodeconfiguration/{node}"),
            ("Get", f"servernodeconfiguration/{node}"),
            ("Get", "app/full"),
        )
    assert deleted["statusCode"] == 204
    assert gone["error"] == "Received error code: 404::There is no node with this id."
    assert "404::There is nothing at this address." in foreign["error"]
    assert site.node(node)["state"] == "decommissioned"
    events = site.call("GET", f"/audit/?target={node}&action=node.created")[1]["results"]
    assert [event["actor"] for event in events] == ["export scripts.example as Internal\\sa_api"]


def test_qrs_interact_calls_the_console_with_a_token_behind_a_prefix(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.token}", "Content-Type": "application/json"}
    configuration = {
        "hostname": "127.0.0.1",
        "portNumber": site.port,
        "virtualProxyPrefix": "proxy",
        "certificates": {},
        "headers": headers,
    }
    about, count, selected = interact(
        configuration, ("Get", "about"), ("Get", "servernodeconfiguration/count?filter=isCentral eq true"),
        ("Post", "selection/servernodeconfiguration?filter=isCentral eq true", {}, "json"),
    )  # fmt: skip
    assert (about["statusCode"], count["body"], selected["statusCode"]) == (200, {"value": 1}, 201)
    assert [item["objectName"] for item in selected["body"]["items"]] == ["central"]
