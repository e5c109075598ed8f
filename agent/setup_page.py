"""The HTML of the setup page. It needs no other files, and has one field and one button."""

import base64
import hashlib
import html

from agent.store import Installed
from agent.waiting import Waiting
from pki.core import clocks
from pki.core.verify import grouped

STYLE = """
:root{color-scheme:light dark;--page:#f6f8fb;--card:#fff;--ink:#182433;--quiet:#414d5e;--line:#dbe1ea;--accent:#084a8f;--hover:#063a70;--bad:#8f1414;--good:#0d5730}
@media (prefers-color-scheme:dark){:root{--page:#0e1726;--card:#162133;--ink:#e8edf5;--quiet:#aab7c9;--line:#2c3a50;--accent:#8cc1ff;--hover:#b5d7ff;--bad:#ff9a94;--good:#6fd695}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header{background:#0f1b2d;color:#fff;padding:.875rem 1rem;font-size:1.125rem;font-weight:650}header div{max-width:42rem;margin:0 auto}
main{max-width:44rem;margin:0 auto;padding:1.5rem 1rem}h1{font-size:1.375rem;line-height:1.3;margin:0 0 .25rem}p{margin:.25rem 0 1rem;color:var(--quiet)}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1.25rem;margin-top:1rem}h2{font-size:1rem;margin:0 0 .75rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1rem;margin:0}dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere;font-family:ui-monospace,monospace}
section p{margin:1rem 0 0}summary{cursor:pointer;margin:.75rem 0}
a{color:var(--accent)}label{font-weight:600;display:block}small{color:var(--quiet);display:block;margin:.15rem 0 .5rem}
input{font:1.25rem ui-monospace,monospace;width:100%;padding:.6rem .75rem;border:1px solid var(--quiet);border-radius:6px;background:var(--card);color:var(--ink)}
button{font:inherit;font-weight:600;margin-top:.9rem;padding:.6rem 1.2rem;border:0;border-radius:6px;background:var(--accent);color:var(--card);cursor:pointer}button:hover{background:var(--hover)}
input:focus-visible,button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.bad{border-left:4px solid var(--bad)}.bad h2{color:var(--bad)}.wait{border-left:4px solid var(--accent)}.good{border-left:4px solid var(--good)}.good h2{color:var(--good)}
@media (max-width:30rem){dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}}
"""
MOST_SENDERS = 3
POLICY = (
    "default-src 'none'; style-src 'sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode() + "'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><header><div>Trust zone</div></header><main><h1>{html.escape(title)}</h1>{body}</main></body></html>"
    )


def _facts(rows: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in rows) + "</dl>"


def _sender(packages: list[Waiting]) -> str:
    """The packages that claim one sender, with the details of the newest."""
    newest = packages[0]
    claims, count = newest.claims, len(packages)
    title = "1 package is waiting" if count == 1 else f"{count} packages are waiting"
    return f"<section><h2>{title}</h2>" + _facts(
        [
            ("Root fingerprint (SHA-256)", grouped(claims.root_sha256)),
            ("Claims to be from", claims.central_name),
            ("Sent from", newest.source),
            ("Received", clocks.exact(newest.received_at)),
            ("Valid until", clocks.stamp(claims.expires_at)),
        ]
    ) + "</section>"  # fmt: skip


def _senders(waiting: list[Waiting]) -> str:
    """The senders of the waiting packages. Anybody can send packages, so only a few senders are shown in full."""
    by_sender: dict[tuple[str, str, str], list[Waiting]] = {}
    for package in waiting:
        by_sender.setdefault((package.claims.trust_zone, package.claims.central_name, package.claims.root_sha256), []).append(package)
    shown, more = list(by_sender.values())[:MOST_SENDERS], list(by_sender)[MOST_SENDERS:]
    facts = _facts([(name, grouped(fingerprint)) for _, name, fingerprint in more])
    further = (
        f"<section><p>Anybody who can reach this machine can send packages. A password opens only its own package.</p><details><summary>{len(more)} "
        f"more senders</summary>{facts}</details></section>"
    )
    return "".join(map(_sender, shown)) + (further if more else "")


def _note(kind: str, role: str, title: str, text: str) -> str:
    return f'<section class="{kind}" role="{role}"><h2>{html.escape(title)}</h2><div>{html.escape(text)}</div></section>' if text else ""


def asking(machine: str, waiting: list[Waiting], *, problem: str = "", pause: str = "", damage: str = "") -> str:
    """The page that asks for the password on `machine`, with the error of the last attempt."""
    title = f"Install certificates on {machine}"
    notes = (
        _note("bad", "status", "The certificates on this machine are damaged", damage)
        + _note("bad", "alert", "Not installed", problem)
        + _note("bad", "status", "Paused", pause if pause != problem else "")
    )
    if not waiting:
        body = (
            "<section><h2>What to do</h2>In the console, open the node and press Register or Redistribute. Then reload this page.</section>"
        )
        return _page(title, "<p>No package has arrived yet.</p>" + notes + body)
    form = (
        '<section><form method="post" action="/certificateSetup" autocomplete="off"><label for="password">Password from the console</label>'
        '<small id="help">Five groups of five. Upper and lower case are the same, and so are O and 0, and I, L and 1.</small>'
        '<input id="password" name="__pwd" required autofocus autocapitalize="characters" spellcheck="false" aria-describedby="help">'
        "<button>Install certificates</button></form></section>"
    )
    lead = (
        "<p>The central node has sent keys and certificates. The password from the console decrypts them. Before you type it, compare the name and "
        "the fingerprint with the page of this node in the console.</p>"
    )
    return _page(title, lead + notes + _senders(waiting) + form)


def held(seconds: int) -> str:
    """The page while a password waits for its package. The browser reloads it every two seconds."""
    return _page(
        "Waiting for the package",
        _note(
            "wait", "status", "The password has the right form. Its package has not arrived yet.",
            f"The central node sends the package again. This page tries the password for up to 60 seconds, {seconds} from now; then it counts as wrong. "
            "The page reloads automatically.",
        ) + '<p><a href="/certificateSetup?another">Type another password</a></p>',
    )  # fmt: skip


def done(installed: Installed) -> str:
    """The page after the installation: the installed files."""
    rows = [(what, str(path)) for what, path in installed.places()]
    text = "This page closes now. The console shows the node as registered after its first heartbeat."
    title = f"{installed.host_name} has joined the trust zone of {installed.central_host_name}"
    return _page(
        "Certificates installed",
        _note("good", "status", title, text) + f"<section><h2>Installed files</h2>{_facts(rows)}</section>",
    )


def refused(problem: str) -> str:
    """The page for a request with another host name, or from another page."""
    return _page("This page is not shown here", _note("bad", "alert", "Refused", problem))
