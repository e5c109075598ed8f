"""The node's own page: served on loopback alone, works offline, one field and one button."""

import base64
import hashlib
import html

from agent.store import Installed
from agent.waiting import Waiting

STYLE = """
:root{color-scheme:light dark;--page:#f6f8fb;--card:#fff;--ink:#182433;--quiet:#414d5e;--line:#dbe1ea;--accent:#084a8f;--hover:#063a70;--bad:#8f1414;--good:#0d5730}
@media (prefers-color-scheme:dark){:root{--page:#0e1726;--card:#162133;--ink:#e8edf5;--quiet:#aab7c9;--line:#2c3a50;--accent:#8cc1ff;--hover:#b5d7ff;--bad:#ff9a94;--good:#6fd695}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header{background:#0f1b2d;color:#fff;padding:.875rem 1rem;font-size:1.125rem;font-weight:650}header div{max-width:42rem;margin:0 auto}
main{max-width:44rem;margin:0 auto;padding:1.5rem 1rem}h1{font-size:1.375rem;line-height:1.3;margin:0 0 .25rem}p{margin:.25rem 0 1rem;color:var(--quiet)}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1.25rem;margin-top:1rem}h2{font-size:1rem;margin:0 0 .75rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1rem;margin:0}dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere;font-family:ui-monospace,monospace}
section p{margin:1rem 0 0}
label{font-weight:600;display:block}small{color:var(--quiet);display:block;margin:.15rem 0 .5rem}
input{font:1.25rem ui-monospace,monospace;width:100%;padding:.6rem .75rem;border:1px solid var(--quiet);border-radius:6px;background:var(--card);color:var(--ink)}
button{font:inherit;font-weight:600;margin-top:.9rem;padding:.6rem 1.2rem;border:0;border-radius:6px;background:var(--accent);color:var(--card);cursor:pointer}button:hover{background:var(--hover)}
input:focus-visible,button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.bad{border-left:4px solid var(--bad)}.bad h2{color:var(--bad)}.good{border-left:4px solid var(--good)}.good h2{color:var(--good)}
@media (max-width:30rem){dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}}
"""
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


def _waits(each: Waiting) -> str:
    claims = each.claims
    return "<section><h2>A package waits</h2>" + _facts(
        [
            ("Claims to be from", claims.central_name),
            ("Sent from", each.source),
            ("Received", f"{each.received_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("Root fingerprint (SHA-256)", claims.root_sha256),
            ("Valid until", f"{claims.expires_at:%Y-%m-%d %H:%M} UTC"),
        ]
    ) + "<p>Before you type the password, compare the fingerprint with the one that the console shows on the page of this node.</p></section>"  # fmt: skip


def asking(waiting: list[Waiting], *, problem: str = "") -> str:
    """The page that asks for the password, with what went wrong last time."""
    alert = f'<section class="bad" role="alert"><h2>Not installed</h2><div>{html.escape(problem)}</div></section>' if problem else ""
    if not waiting:
        body = (
            "<section><h2>What to do</h2>In the console, open the node and press Register or Redistribute; then reload this page.</section>"
        )
        return _page("Install certificates on this node", "<p>Nothing waits here yet.</p>" + alert + body)
    form = (
        '<section><form method="post" action="/certificateSetup" autocomplete="off"><label for="password">Password from the console</label>'
        '<small id="help">Five groups of five. Upper or lower case; O and 0, I, L and 1 count as the same.</small>'
        '<input id="password" name="__pwd" required autofocus autocapitalize="characters" spellcheck="false" aria-describedby="help">'
        "<button>Install certificates</button></form></section>"
    )
    lead = "<p>The central node has sent keys and certificates. The password from the console opens them.</p>"
    return _page("Install certificates on this node", lead + alert + form + "".join(_waits(each) for each in waiting))


def done(installed: Installed) -> str:
    """The page after unlocking: what was installed where."""
    rows = [(what, str(path)) for what, path in installed.places()]
    return _page(
        "Certificates installed",
        f'<section class="good" role="status"><h2>{html.escape(installed.host_name)} has joined the trust zone of '
        f"{html.escape(installed.central_host_name)}</h2><div>This page closes now. The console shows the node as registered once it has "
        f"proved itself.</div></section><section><h2>What was installed where</h2>{_facts(rows)}</section>",
    )
