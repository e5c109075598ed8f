"""A site of the installed wheels, from an empty folder: `python -m tests.wheel.walk ENVIRONMENT EMPTY`. Prints what was seen, as JSON."""

import json
import re
import socket
import ssl
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sitekit.site import Site
from tests.environment import QUICK

WHERE = "import json, agent, pki.issuing.issue as issue, qmc, web; print(json.dumps([each.__file__ for each in (agent, issue, qmc, web)]))"
PASSPHRASE = "of the trial backup"


class InstalledSite(Site):
    """A site of a person who has only the wheels."""

    def __init__(self, environment: Path, empty: Path) -> None:
        self.program, self.cwd = (str(environment / "bin/qmc"),), empty
        super().__init__(empty / "var", agents=0, environment=QUICK)


def page(site: Site, path: str) -> tuple[int, str]:
    roots = ssl.create_default_context(cafile=site.data / "node/current/machine/root/roots.pem")
    with urllib.request.urlopen(f"https://127.0.0.1:{site.port}{path}", context=roots, timeout=20) as answer:
        return answer.status, answer.read().decode()


def listens(address: str) -> bool:
    """Whether an agent waits there for a package."""
    try:
        socket.create_connection((address, 4444), 2).close()
    except OSError:
        return False
    return True


def walk(environment: Path, empty: Path) -> dict[str, Any]:
    seen: dict[str, Any] = {"interfaces": [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]}
    with ExitStack() as stack:
        site = InstalledSite(environment, empty)
        stack.callback(site.stop)
        site.start()
        seen["sign-in"], content = page(site, "/accounts/login/")
        seen["lost password"] = re.findall(r"<code>(.+) NAME</code>", content)
        files = re.findall(r'(?:href|src)="(/static/[^"#]+)', content)
        seen["files"] = {path: page(site, path)[0] for path in files}
        home, address = empty / "home", site.address(2)
        words = [environment / "bin/qmc-agent", "serve", "--home", home, "--address", address, "--setup-address", address]
        log = stack.enter_context((empty / "agent.log").open("wb"))
        agent = subprocess.Popen(words, cwd=empty, env=site.environment, stdout=log, stderr=log)
        stack.callback(agent.wait, 20)
        stack.callback(agent.terminate)
        site.wait(lambda: listens(address))
        node, _ = site.register("rim2", address)
        seen["node"] = site.node(node)["state"]
        seen["modules"] = json.loads(site.manage("shell", "--no-imports", "-c", WHERE))
        (empty / "passphrase").write_text(PASSPHRASE)
        seen["backup"] = site.manage("backup", str(empty / "backup.age"), "--verify", "--passphrase-file", str(empty / "passphrase"))
        seen["up"] = (empty / "up.log").read_text()
        links = [link for name in ("cwd", "exe") for pid in site.pids() for link in [Path(f"/proc/{pid}/{name}").readlink()]]
        seen["processes"] = sorted({str(link) for link in links})
    return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(walk(Path(sys.argv[1]), Path(sys.argv[2]))))
