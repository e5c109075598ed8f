# For the recipes in this folder: `call METHOD PATH [BODY] [KEY]` prints the answer of the API, and ends the script at an error. Needs bash 4.4, curl and jq.
set -euo pipefail
shopt -s inherit_errexit  # or an error inside $(…) is passed over
: "${QMC_URL:?set it to the address of the console}" "${QMC_TOKEN:?set it to a token}" "${QMC_CACERT:?set it to the file roots.pem}"
wait_s=${QMC_WAIT_S:-120}

fail() { echo "$0: $*" >&2; exit 1; }
call() {
  local answer status
  # The token comes on standard input, because other accounts can read the arguments of a process.
  answer=$(curl --silent --show-error --max-time 60 --cacert "$QMC_CACERT" --config - --write-out '\n%{http_code}' --request "$1" \
    -H 'Content-Type: application/json' ${3:+--data "$3"} ${4:+-H "Idempotency-Key: $4"} "$QMC_URL/api/v1$2" \
    <<< "header = \"Authorization: Bearer $QMC_TOKEN\"") || fail "$QMC_URL does not answer"
  status=${answer##*$'\n'} answer=${answer%$'\n'*}
  [[ $status == 2* ]] || fail "$1 $2 was answered with $status: $(jq -r '.detail' <<< "$answer")"
  printf '%s\n' "$answer"
}
# rows PATH: all rows of a list, one in each line. Each page but the last names the next one.
rows() {
  local page path=$1
  while [ -n "$path" ]; do
    page=$(call GET "$path")
    jq -c '.results[]' <<< "$page"
    path=$(jq -r '.next // "" | sub("^.*/api/v1"; "")' <<< "$page")
  done
}
