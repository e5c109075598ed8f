#!/usr/bin/env bash
# Make certificates for a machine without an agent: export-for-machine.sh MACHINE. It prints the folder that has the files, on the central node.
# With EXPORT_PASSWORD in the environment, the private keys are encrypted.
. "$(dirname "$0")/site-api.sh"
machine=${1:?give the name of the machine}

body=$(MACHINE=$machine jq -n '{format: "pem", machine_names: [env.MACHINE], password: (env.EXPORT_PASSWORD // "")}')
id=$(call POST /exports/ "$body" "export-$machine-$(date +%s)-$$" | jq -r '.results[0].id')
for (( i = 0; ; i++ )); do
  export=$(call GET "/exports/$id/")
  case $(jq -r .status <<< "$export") in
    made) break ;;
    failed) fail "$(jq -r .status_reason <<< "$export")" ;;
  esac
  (( i < wait_s )) || fail "the export is not made after $wait_s s"
  sleep 1
done
jq -r '"\(.folder_host):\(.folder)"' <<< "$export"
