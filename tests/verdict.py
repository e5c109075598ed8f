"""OpenSSL's verdict, as the console asks for it."""

from pathlib import Path as Folder

from agent import handshake
from pki.foreign import browser_checks
from pki.foreign.browser_facing import bundle
from pki.foreign.paths import Path
from pki.foreign.private_key import ForeignPrivateKey
from pki.foreign.refusal import Refusal


def judge(path: Path, key: ForeignPrivateKey) -> Refusal | None:
    anchor = None if path.is_alone else path.top.der
    return handshake.refusal(bundle(path, key), anchor=anchor, name=browser_checks.example_name(path.leaf), folder=Folder("/nowhere"))
