# seeds - what the platforms' own network checks ask for: curl, as it finds its proxy in the environment. It holds by the
# proxy alone, whether connections are judged or not. Sourced by the scenario net.
# shellcheck shell=sh

# seed TEXT ANSWER URL [OPTION...]: curl's http_code and exit code; where it is denied, nothing arrives at ADDRESS.
seed() {
	text=$1 want=$2 url=$3 address=$4
	shift 4
	: >$W/run/reached
	before=$(log_size)
	native && want='200 0' # the row is one that arrives
	sh_c "curl -4sk -m 20 -o /dev/null -w '%{http_code}' $* '$url'"
	got="$(cat "$TRY/out") $rc"
	if [ "$got" = "$want" ]; then pass "seeds: $text: $want"; else fail "seeds: $text: $want" "$got" "$(told)"; fi
	case $want in
	200*)
		if grep -q "^$address " $W/run/reached; then pass "seeds: $text: it arrives"; else
			fail "seeds: $text: it arrives" "$(cat $W/run/reached)"
		fi
		;;
	*)
		if grep -q "^$address " $W/run/reached; then fail "seeds: $text: nothing arrives"; else
			pass "seeds: $text: nothing arrives"
		fi
		host=${url#*://} host=${host%%/*}
		if until_true 3 eval 'tail -c "+$((before + 1))" "$LOG" | grep -F "\"domain\":\"$host\"" |
			grep -q "\"effective_decision\":\"deny\".*\"rule\":"'; then
			pass "seeds: $text: it is told, with a rule"
		else
			fail "seeds: $text: it is told, with a rule" "$(tail -c "+$((before + 1))" "$LOG" | tail -3)"
		fi
		;;
	esac
}
seeds() {
	seed 'an allowed host' '200 0' https://npm-registry.test/ 203.0.113.10
	seed 'evil.com by TLS' '000 56' https://evil.com/ 203.0.113.66
	[ "$family" = daytona ] || seed 'api.github.com' '000 56' https://api.github.com/ 203.0.113.20
	seed 'metadata by TLS' '000 56' https://169.254.169.254/ 169.254.169.254
	seed 'a private address by TLS' '000 56' https://10.0.0.1/ 10.0.0.1
	# Daytona's policy lets lower-case variables not in, and curl knows no others for http.
	proxy=
	[ "$family" = e2b ] || native || proxy='-x "$HTTPS_PROXY"'
	seed 'metadata' '403 0' http://169.254.169.254/ 169.254.169.254 "$proxy"
	seed 'a private address' '403 0' http://10.0.0.1/ 10.0.0.1 "$proxy"
	seed 'evil.com' '403 0' http://evil.com/ 203.0.113.66 "$proxy"
	native && return
	sh_c 'echo "$HTTPS_PROXY"'
	case $(cat "$TRY/out") in
	http://127.0.0.1:[1-9]*) pass "seeds: \$HTTPS_PROXY is there" ;;
	*) fail "seeds: \$HTTPS_PROXY is there" "$(told)" ;;
	esac
	sh_c 'python3 -m http.server 18557 --bind 127.0.0.1 >/dev/null 2>&1 & p=$!; n=0
		until curl -s -o /dev/null http://127.0.0.1:18557/ || [ $((n += 1)) -gt 100 ]; do sleep 0.1; done
		curl -s -o /dev/null -w "%{http_code}" http://localhost:18557/; kill $p'
	case $(cat "$TRY/out") in
	200) pass 'seeds: localhost works' ;;
	*) fail 'seeds: localhost works' "$(told)" ;;
	esac
}
