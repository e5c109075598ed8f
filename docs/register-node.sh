#!/usr/bin/env bash
# Register a node with curl alone.
#
#   export QMC_URL=https://127.0.0.1:8443 QMC_TOKEN=… QMC_CACERT=var/node/current/machine/root/roots.pem
#   docs/register-node.sh rim2 rim2.example 127.0.0.2 http://127.0.0.2:4570
#
# Arguments: name, host name, address, and where the node's setup page answers. The last step must run on the node itself:
# the page is served there only. Here, with the agents of `make up`, it is the same machine.
set -eu
name=$1 host_name=$2 address=$3 setup=$4
api() { curl --silent --show-error --fail-with-body --cacert "$QMC_CACERT" -H "Authorization: Token $QMC_TOKEN" -H 'Content-Type: application/json' "$@"; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

node=$(api "$QMC_URL/api/v1/nodes/" -d "{\"name\": \"$name\", \"host_name\": \"$host_name\", \"address\": \"$address\"}" | sed 's/^{"id":"\([^"]*\)".*/\1/')
echo "created $node"
password=$(api -X POST "$QMC_URL/api/v1/nodes/$node/register/" | field password)
state() { api "$QMC_URL/api/v1/nodes/$node/" | sed 's/.*"state":"\([a-z_]*\)","state_reason":"\([^"]*\)".*/\1 \2/'; }
wait_for() {
  for _ in $(seq 120); do
    case "$(state)" in "$1"*) echo "$1"; return ;; failed*) state; exit 1 ;; esac
    sleep 1
  done
  echo "still $(state)"; exit 1
}
wait_for awaiting_password
printf '__pwd=%s' "$password" | curl --silent --show-error --fail --output /dev/null --data @- "$setup/certificateSetup"
wait_for registered
