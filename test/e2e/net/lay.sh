# lay - a network namespace's own small internet: its addresses, its authority, its servers (internet.py).
#
# To be sourced where `here` is this folder and t.sh is there. Working directory and names are $TMP's
# afterwards; the log of what arrives is $TMP/reached.
# shellcheck shell=bash

mount -t proc proc /proc
cd "$TMP" || exit 1

# --- an internet: its addresses, its authority, its servers

ip link set lo up
for address in 192.0.2.{10,11,53,99} 203.0.113.66 10.0.0.1 169.254.169.254; do
	ip addr add "$address/32" dev lo
done
ip addr add 2001:db8::10/128 dev lo nodad
echo 'nameserver 192.0.2.53' >resolv.conf
printf '127.0.0.1 localhost\n192.0.2.11 box.allowed.test\n' >hosts
mount --bind resolv.conf /etc/resolv.conf && mount --bind hosts /etc/hosts ||
	skip_all "no name server of its own"
names="DNS:allowed.test,DNS:*.allowed.test,DNS:evil.test,IP:192.0.2.11"
{
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem
	openssl req -newkey rsa:2048 -nodes -subj /CN=allowed.test -keyout key.pem -out req.pem
	openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem \
		-extfile <(echo "subjectAltName=$names")
} >openssl.log 2>&1 || skip_all "no certificates"
python3 "$here/internet.py" "$TMP" &
until_true 20 test -e ready || skip_all "no internet"

