"""A token that is revoked while one of its requests runs: this request ends, the next one is refused."""

import http.client
import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from sitekit.site import Site

OF_ADMIN = ("create_token", "admin", "--skip-checks")


def ask(site: Site, token: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    context = ssl.create_default_context(cafile=site.data / "node/current/machine/root/roots.pem")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(http.client.HTTPSConnection("127.0.0.1", site.port, context=context, timeout=60)) as connection:
        connection.request(method, f"/api/v1{path}", json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        content = answer.read()
    return answer.status, json.loads(content) if content else None


def test_a_request_that_runs_ends_and_the_next_one_is_refused(site: Site) -> None:
    used = site.manage(*OF_ADMIN, "--name", "long request").strip()
    other = site.manage(*OF_ADMIN, "--name", "other", "--scope", "read", "--scope", "accounts").strip()
    (row,) = ask(site, other, "GET", "/tokens/?search=long+request")[1]["results"]
    address = site.address(95)
    with socket.create_server((address, 0)) as silent, ThreadPoolExecutor(1) as pool:
        node = {"name": "slow", "host_name": "slow.example", "address": address, "distribution_port": silent.getsockname()[1]}
        running = pool.submit(ask, site, used, "POST", "/nodes/preflight/", node)
        connection, _ = silent.accept()  # the console asks the machine, which does not answer
        with connection:
            assert ask(site, other, "DELETE", f"/tokens/{row['id']}/")[0] == 204
            assert not running.done()
        status, answer = running.result()
    assert (status, bool(answer["findings"])) == (200, True)
    status, answer = ask(site, used, "GET", "/nodes/")
    assert (status, "was revoked on" in answer["detail"]) == (401, True)
