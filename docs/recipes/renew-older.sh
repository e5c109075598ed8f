#!/usr/bin/env bash
# Renew every node whose service certificate is older than a month: renew-older.sh [DAYS]. It waits until each node has its new certificate.
. "$(dirname "$0")/site-api.sh"
days=${1:-30}

old=$(rows '/nodes/?state=registered&page_size=500' | jq -c --argjson days "$days" '
  . as $node | .certificates[] | select(.kind == "service" and .status == "issued")
  | select((.not_before | fromdate) < now - $days * 86400) | {id: $node.id, name: $node.name, certificate: .id}')
while read -r node; do
  [ -n "$node" ] || continue
  id=$(jq -r .id <<< "$node") certificate=$(jq -r .certificate <<< "$node")
  # This key makes the script safe to repeat: a certificate is renewed once.
  call POST "/nodes/$id/renew/" '' "renew-$certificate" >/dev/null
done <<< "$old"
while read -r node; do
  [ -n "$node" ] || continue
  id=$(jq -r .id <<< "$node") name=$(jq -r .name <<< "$node") certificate=$(jq -r .certificate <<< "$node")
  for (( i = 0; ; i++ )); do
    held=$(call GET "/nodes/$id/" | jq -r '.certificates[] | select(.kind == "service" and .status == "issued") | .id')
    ! grep -qF "$certificate" <<< "$held" && break
    (( i < wait_s )) || fail "$name has no new certificate after $wait_s s"
    sleep 1
  done
  echo "renewed $name"
done <<< "$old"
