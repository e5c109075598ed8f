#!/usr/bin/env bash
# Print what a dashboard shows, as JSON: how much expires when, the next ten to expire, and what needs a person. A token with the scope `read` is enough.
. "$(dirname "$0")/site-api.sh"

expiry=$(call GET '/expiry/?page_size=10')
needs=$(rows '/attention/?page_size=500' | jq -s 'group_by(.severity) | map({key: .[0].severity, value: length}) | from_entries')
jq --argjson needs "$needs" '{totals, next: [.results[] | {kind, subject, holder, not_after, days_left}], needs: $needs}' <<< "$expiry"
