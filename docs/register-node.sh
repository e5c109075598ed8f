#!/usr/bin/env bash
# Register a node with curl alone. It ends at the first error, with the reason. A site that is still starting is waited for.
#
#   export QMC_URL=https://127.0.0.1:8443 QMC_TOKEN=… QMC_CACERT=var/node/current/machine/root/roots.pem
#   docs/register-node.sh rim2 rim2.example 127.0.0.2 http://127.0.0.2:4570
#
# Arguments: name, host name, address, and where the node's setup page answers. The last step must run on the node itself:
# the page is served there only. Here, with the agents of `make up`, it is the same machine.
# QMC_WAIT_S is how long it waits for the site, and for each state of the node: 120 s by default.
set -euo pipefail
shopt -s inherit_errexit  # or an error inside $(…) is passed over; bash 4.4
[ $# -eq 4 ] || { echo "usage: $0 NAME HOST_NAME ADDRESS SETUP_URL" >&2; exit 2; }
name=$1 host_name=$2 address=$3 setup=$4
: "${QMC_URL:?set it to the address of the console}" "${QMC_TOKEN:?set it to a token}" "${QMC_CACERT:?set it to the file roots.pem}"
wait_s=${QMC_WAIT_S:-120}

fail() { echo "$0: $*" >&2; exit 1; }
# The token is in no argument, because other accounts can read the arguments of a process.
api() {
  curl --silent --show-error --max-time 60 --cacert "$QMC_CACERT" -H 'Content-Type: application/json' --config - "$@" <<< "header = \"Authorization: Bearer $QMC_TOKEN\""
}
# call METHOD PATH [BODY]: the answer. An error status ends the script with the reason that the site gives.
call() {
  local answer status
  answer=$(api --write-out '\n%{http_code}' --request "$1" "$QMC_URL/api/v1$2" ${3+--data "$3"}) || fail "$QMC_URL does not answer"
  status=${answer##*$'\n'} answer=${answer%$'\n'*}
  [[ $status == 2* ]] || fail "$1 $2 was answered with $status: $(field detail <<< "$answer")"
  printf '%s\n' "$answer"
}
# field NAME: the first value of a text in the JSON on standard input.
field() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | sed "s/^\"$1\": *\"\(.*\)\"\$/\1/"; }

# A site that is starting refuses connections, or answers 502 (its proxy) or 503. Anything else is an answer.
for (( i = 0; ; i++ )); do
  status=$(api --output /dev/null --write-out '%{http_code}' "$QMC_URL/api/v1/nodes/?page_size=1" 2>/dev/null) && curl_status=0 || curl_status=$?
  case $curl_status:$status in
    0:502 | 0:503 | 7:* | 35:* | 52:* | 56:*) ;;
    0:*) break ;;
    *) api --output /dev/null "$QMC_URL/api/v1/nodes/?page_size=1" || fail "$QMC_URL cannot be called" ;;
  esac
  (( i < wait_s )) || fail "$QMC_URL does not answer after $wait_s s"
  sleep 1
done

node=$(call POST /nodes/ "{\"name\": \"$name\", \"host_name\": \"$host_name\", \"address\": \"$address\"}" | field id)
echo "created $node"
password=$(call POST "/nodes/$node/register/" | field password)
wait_for() {
  local answer state
  for (( i = 0; i < wait_s; i++ )); do
    answer=$(call GET "/nodes/$node/") state=$(field state <<< "$answer")
    case $state in
      "$1") echo "$state"; return ;;
      failed) fail "the registration failed: $(field state_reason <<< "$answer")" ;;
    esac
    sleep 1
  done
  fail "still $state after $wait_s s"
}
wait_for awaiting_password
printf '__pwd=%s' "$password" | curl --silent --show-error --fail --output /dev/null --data @- "$setup/certificateSetup" || fail "the setup page $setup did not take the password"
wait_for registered
