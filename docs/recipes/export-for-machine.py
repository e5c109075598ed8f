"""Make certificates for a machine without an agent: python export-for-machine.py MACHINE. It prints the folder with the files, on the central node.

With EXPORT_PASSWORD in the environment, the private keys are encrypted.
"""

import os
import sys

from site_api import call, wait_until

if len(sys.argv) != 2:
    sys.exit(__doc__)
body = {"format": "pem", "machine_names": [sys.argv[1]], "password": os.environ.get("EXPORT_PASSWORD", "")}
(asked,) = call("POST", "/exports/", body)["results"]


def made():
    export = call("GET", f"/exports/{asked['id']}/")
    if export["status"] == "failed":
        sys.exit(export["status_reason"])
    return export if export["status"] == "made" else None


export = wait_until(sys.argv[1], made)
print(f"{export['folder_host']}:{export['folder']}")
