#!/bin/bash
# transparent - what programs reach that know nothing of a proxy, under "agentsh run --judge-net", on a small
# internet of the test's own: by the names that rules allow, and nothing else.
if [ -z "${INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../t.sh"
here=$(cd "$(dirname "$0")" && pwd)/net
needs root ip python3 openssl curl
. "$here/lay.sh"
export CURL_CA_BUNDLE=$TMP/ca.pem SSL_CERT_FILE=$TMP/ca.pem
cp "$here/policy.yaml" policy.yaml
cat >>policy.yaml <<'YAML'
command_rules:
  - name: all
    commands: ["*"]
    decision: allow
file_rules:
  - name: all
    paths: ["**"]
    operations: ["*"]
    decision: allow
YAML

: >reached
reached() { grep -c "^$1 " reached; }
canary() { # ADDRESS COMMAND...: does the command make a request arrive there?
	before=$(reached "$1")
	address=$1
	shift
	timeout 20 "$@" >o 2>e
	[ "$(reached "$address")" -gt "$before" ]
}
governed() { # COMMAND...
	: >events
	timeout 30 "$AGENTSH" run --policy policy.yaml --audit "$TMP/events" --judge-net -- "$@"
}
refused() { # ADDRESS RULE COMMAND...: it fails, nothing arrives there, the log says why
	before=$(reached "$1")
	address=$1 rule=$2
	shift 2
	governed "$@" >o 2>e && return 1
	cat e
	[ "$(reached "$address")" = "$before" ] && grep -F "\"rule\":\"$rule\"" events |
		grep -qF '"effective_decision":"deny"'
}

for url in http://203.0.113.66/ https://203.0.113.66/ http://10.0.0.1/; do
	address=${url#*//} address=${address%%/*}
	ok "the canary at $url sings when nobody is asked" canary "$address" curl -sk "$url"
done

# --- by name

for url in http://allowed.test/ https://allowed.test/ https://www.allowed.test/; do
	is "$url" "$(governed curl -sS -m 20 "$url" 2>&1)" "hello from 192.0.2.10"
done
has "the log says how" "$(cat events)" '"method":"transparent".*"pid":[0-9]+'
