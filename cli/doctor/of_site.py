"""Checks of a site over its API: address, port, chain, clock, token, versions, audit log, and what needs a person."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from cryptography import x509

from agent.version import VERSION
from cli.doctor.findings import Finding, Level, clock, ok, problem, warning
from cli.errors import Away, CommandError, Refused, Untrusted
from cli.profile import Profile
from cli.site import Row, Site
from pki.core.verify import fingerprint

OF_SEVERITY = {"critical": Level.PROBLEM, "warning": Level.WARNING}


def findings(profile: Profile) -> Iterator[Finding]:
    """Each check needs the one before it: a site that does not answer has one finding."""
    host, port = urlsplit(profile.url).hostname or "", urlsplit(profile.url).port
    try:
        found = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except OSError as exc:
        yield problem("name", f"{host} does not resolve: {exc.strerror}.", "Check the name, and the DNS of this machine.")
        return
    yield ok("name", f"{host} has the addresses {', '.join(found)}.")
    site = Site(profile)
    try:
        yield from _answers(site, profile)
    finally:
        site.close()


def _answers(site: Site, profile: Profile) -> Iterator[Finding]:
    try:
        nodes = list(site.rows("/nodes/"))
    except Away as exc:
        yield problem("port", exc.detail, exc.remedy)
        return
    except Untrusted as exc:
        yield problem("chain", exc.detail, exc.remedy)
        return
    except Refused as exc:
        yield ok("chain", f"A trusted root issued the certificate of {site.url}.")
        yield problem("token", exc.detail, exc.remedy or "Use a token with the scope read and a role that may view nodes.")
        return
    yield ok("port", f"{site.url} answers.")
    yield ok("chain", f"A trusted root issued the certificate of {site.url}.")
    yield ok("token", "The token is accepted.")
    if site.clock_offset_s is not None:
        yield clock("clock", site.clock_offset_s, "the site")
    yield _versions(nodes)
    for check in (_roots(site, profile), _audit(site), _needs(site)):
        try:
            yield from check
        except (Refused, Away) as exc:
            yield warning("not-checked", exc.detail, "Use a token of an account that may see this.")


def _roots(site: Site, profile: Profile) -> Iterator[Finding]:
    rows = list(site.rows("/certificates/", kind="root", status="issued"))
    if profile.roots is None:
        yield ok("roots", "The authorities of this system are trusted. No root of the site is pinned.")
        return
    pinned = {fingerprint(each) for each in x509.load_pem_x509_certificates(profile.roots.read_bytes())}
    known = {row["sha256"] for row in rows}
    if not pinned & known:
        yield ok("roots", f"Another authority than the site's root is trusted, from {profile.roots}.")
    elif known - pinned:
        yield warning(
            "roots", "The site has a newer root that is not trusted here.", f"Run `qmcctl login {site.url}` before the rotation ends."
        )
    else:
        yield ok("roots", f"The roots of the site are trusted, from {profile.roots}.")


def _versions(nodes: list[Row]) -> Finding:
    others = sorted({node["agent_version"] for node in nodes if node["agent_version"]} - {VERSION})
    if others:
        text = f"Agents have the versions {', '.join(others)}; qmcctl has {VERSION}."
        return warning("versions", text, "Upgrade the central node first, then the agents and qmcctl.")
    return ok("versions", f"qmcctl and all agents have the version {VERSION}.")


def _audit(site: Site) -> Iterator[Finding]:
    status = site.get("/audit/status/")
    if status["problem"]:
        yield problem("audit", f"The audit log is {status['state']}: {status['problem']}", "See the page Audit log of the console.")
    else:
        yield ok("audit", f"The audit log is {status['state']}, up to event {status['last_event']}.")


def _needs(site: Site) -> Iterator[Finding]:
    rows = list(site.rows("/attention/"))
    for row in rows:
        level = OF_SEVERITY.get(row["severity"], Level.OK)
        yield Finding(level, row["code"], f"{row['title']}: {row['text']}" if row["text"] else row["title"], row["remedy"])
    if not rows:
        yield ok("attention", "Nothing on the site needs a person.")


def contents(site: Site) -> Iterator[tuple[str, object]]:
    """What an archive has of the site, by name. A part that this token may not see has the reason instead."""
    lists = {"nodes": 0, "attention": 0, "expiry": 500, "alerts": 500, "jobs": 200, "rotations": 50, "exports": 500, "audit": 500}
    for name, most in lists.items():
        try:
            yield name, list(site.rows(f"/{name}/", limit=most))
        except CommandError as exc:
            yield name, exc.problem
    for name in ("settings", "audit/status"):
        try:
            yield name.replace("/", "-"), site.get(f"/{name}/")
        except CommandError as exc:
            yield name.replace("/", "-"), exc.problem
