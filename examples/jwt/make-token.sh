#!/bin/sh
# Prints a token that Sluice takes: a JWT (RFC 7519), signed with RS256.
#
#   make-token.sh USER SCOPES [SECONDS]
#   make-token.sh ci 'repo:read repo:write:team/**' 3600 >token
#
# The first call makes a key pair in the current folder. Keep signing-key.pem secret; give public-key.pem to the gateway.
set -eu
[ $# -ge 2 ] || { echo "Usage: make-token.sh USER SCOPES [SECONDS]" >&2; exit 64; }
issuer=https://git.example.org
audience=sluice
umask 077

if [ ! -e signing-key.pem ]; then
  openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out signing-key.pem
  openssl pkey -in signing-key.pem -pubout -out public-key.pem
  chmod 644 public-key.pem
fi

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

now=$(date +%s)
header=$(printf '{"alg":"RS256","typ":"JWT"}' | base64url)
claims=$(printf '{"iss":"%s","aud":"%s","sub":"%s","scope":"%s","iat":%d,"exp":%d}' \
  "$issuer" "$audience" "$1" "$2" "$now" "$((now + ${3:-3600}))" | base64url)
signature=$(printf '%s.%s' "$header" "$claims" | openssl dgst -sha256 -sign signing-key.pem -binary | base64url)
printf '%s.%s.%s\n' "$header" "$claims" "$signature"
