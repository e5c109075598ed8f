"""Register a node: python register-node.py NAME HOST_NAME ADDRESS SETUP_URL. Run it on the node, because its setup page answers there only."""

import sys
import urllib.parse
import urllib.request

from site_api import call, wait_until

if len(sys.argv) != 5:
    sys.exit(__doc__)
name, host_name, address, setup_url = sys.argv[1:]
node = call("POST", "/nodes/", {"name": name, "host_name": host_name, "address": address})
password = call("POST", f"/nodes/{node['id']}/register/")["password"]


def reached(state):
    now = call("GET", f"/nodes/{node['id']}/")
    if now["state"] == "failed":
        sys.exit(f"{name}: {now['state_reason']}")
    return now["state"] == state


wait_until(f"{name} awaits its password", lambda: reached("awaiting_password"))
form = urllib.parse.urlencode({"__pwd": password}).encode()
urllib.request.urlopen(f"{setup_url}/certificateSetup", form, timeout=60).close()
wait_until(f"{name} is registered", lambda: reached("registered"))
print(f"{name} is registered")
