"""For the recipes in this folder: a caller of the API, with the standard library of Python only."""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid

URL, TOKEN = os.environ["QMC_URL"], os.environ["QMC_TOKEN"]
TRUST = ssl.create_default_context(cafile=os.environ["QMC_CACERT"])
WAIT_S = int(os.environ.get("QMC_WAIT_S", "120"))


def call(method, path, body=None, key=""):
    """The content of the answer. An error of the site ends the script with its reason."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    if method == "POST":
        headers["Idempotency-Key"] = key or str(uuid.uuid4())
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/api/v1{path}", content, headers, method=method)
    try:
        with urllib.request.urlopen(request, context=TRUST, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as exc:
        sys.exit(f"{method} {path} was answered with {exc.code}: {json.load(exc)['detail']}")
    except OSError as exc:
        sys.exit(f"{URL} does not answer: {exc}")


def rows(path):
    """All rows of a list. Each page but the last names the next one."""
    while path:
        page = call("GET", path)
        yield from page["results"]
        path = page["next"] and page["next"].partition("/api/v1")[2]


def wait_until(what, done):
    """What `done` returns, when it is not empty."""
    deadline = time.monotonic() + WAIT_S
    while not (found := done()):
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not done after {WAIT_S} s")
        time.sleep(1)
    return found
