"""Print what a dashboard shows, as JSON: how much expires when, the next ten to expire, and what needs a person. The scope `read` is enough."""

import collections
import json

from site_api import call, rows

expiry = call("GET", "/expiry/?page_size=10")
fields = ("kind", "subject", "holder", "not_after", "days_left")
shown = {
    "totals": expiry["totals"],
    "next": [{field: row[field] for field in fields} for row in expiry["results"]],
    "needs": collections.Counter(row["severity"] for row in rows("/attention/?page_size=500")),
}
print(json.dumps(shown, indent=2))
