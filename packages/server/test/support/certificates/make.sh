#!/bin/sh
# Makes the certificates of the TLS tests: an authority that only the tests trust and what it
# signed, plus one that nobody signed. Needs OpenSSL 3; run it here to make them anew.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

key "$work/authority-key.pem"
openssl req -x509 -new -key "$work/authority-key.pem" -days 36500 -subj "/CN=Postrider test authority" \
  -addext "basicConstraints=critical,CA:TRUE" -out authority.pem
touch "$work/index.txt"
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index.txt\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\nrand_serial=yes\nunique_subject=no\ncopy_extensions=copy\n[p]\ncommonName=supplied\n' \
  "$work" "$work" > "$work/ca.cnf"

# name, subject alternative names, first and last day
signed() {
  key "$1-key.pem"
  openssl req -new -key "$1-key.pem" -subj "/CN=$1" -addext "subjectAltName=$2" -out "$work/$1.csr"
  openssl ca -batch -notext -config "$work/ca.cnf" -keyfile "$work/authority-key.pem" -cert authority.pem \
    -startdate "$3" -enddate "$4" -in "$work/$1.csr" -out "$1.pem"
}
names="DNS:localhost,DNS:a.example.com,IP:127.0.0.1"
signed valid "$names" 20200101000000Z 21200101000000Z
signed expired "$names" 20200101000000Z 20210101000000Z
signed wrong-host "DNS:b.example.com" 20200101000000Z 21200101000000Z

key self-signed-key.pem
openssl req -x509 -new -key self-signed-key.pem -days 36500 -subj "/CN=self-signed" \
  -addext "subjectAltName=$names" -out self-signed.pem
