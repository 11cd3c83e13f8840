#!/bin/sh
# make.sh - makes the certificates that tests use, with the openssl program.
#
#	make.sh DIRECTORY
#
# Replaces DIRECTORY as a whole, or leaves the old one when it fails. Every date is fixed:
# 2020-01-01 to 2049-12-31 unless said otherwise, so that a test may choose its clock.
# Every password is "secret". For each NAME below there are
#	NAME.crt	the certificate alone, PEM	NAME.der	the same as DER
#	NAME.key	its private key, PEM, PKCS#8, plain
#	NAME.pem	certificate, then its chain without the root, then the key
#
# Authorities (to trust: the .crt)
#	ca		ECDSA P-256 root; issues everything that is not marked otherwise
#	rsa-ca		RSA-2048 root; issues server-rsa and client-odd
#	other-ca	ECDSA root that nobody trusts; issues client-unknown
#	inter		intermediate under ca; issues server-inter and client-inter
#	roots.crt	ca.crt and rsa-ca.crt in one file
#	ca-dir/		ca.crt, rsa-ca.crt, and a README that is no certificate
#
# Servers (CN=localhost, SAN localhost, 127.0.0.1, ::1, serverAuth)
#	server		ECDSA P-256
#	server-rsa	RSA-2048, under rsa-ca: a chain without any ECDSA
#	server-inter	under inter
#	server-5k	under two intermediates with padding: about 5 KB as sent
#	server-20k	under four intermediates with padding: about 20 KB as sent
#	server-expired	2001 to 2010
#	certbot/	server-inter as certbot lays it out: cert, chain, fullchain, privkey .pem
#
# Forms of server and server-inter
#	server-mismatch.pem	server.crt with the key of client
#	server-encrypted.key	server.key as encrypted PKCS#8
#	server-encrypted.pem	server.crt with that key
#	server-traditional.key	server.key encrypted the old way (Proc-Type), after EC PARAMETERS
#	server-key-first.pem	server-inter: key, intermediate, leaf in this order
#	server.p12		server-inter with its chain, password "secret"
#	server-open.p12		the same, empty password
#	server-old.p12		the same, RC2-40 and 3DES (OpenSSL 3 needs its legacy provider)
#	server-cert-only.p12	certificate without a key, password "secret"
#
# Clients (clientAuth)
#	client		CN=device-1, OU=Sensors, O=Example Fleet, C=DE, serialNumber=0042; SAN
#			dns device-1.fleet.example, uri urn:dev:ops:32473-device-1, email
#			device-1@fleet.example, 192.0.2.1, 2001:db8::1, one otherName
#	client-2	CN=device-2, no SAN
#	client-rsa	CN=device-rsa, RSA-2048
#	client-inter	CN=device-inter, under inter
#	client-expired	CN=device-expired, 2001 to 2010
#	client-future	CN=device-future, 2090 to 2095
#	client-unknown	CN=device-unknown, under other-ca
#	client-self	CN=device-self, self-signed
#	client-weak	CN=device-weak, RSA-1024
#	client-odd	a NUL in CN and in a SAN (device-1<NUL>.evil.example); O with newline, quote,
#			comma, plus and backslash; OU in Greek; SAN with a byte above 127
set -eu

case $1 in
/*) out=$1 ;;
*) out=$PWD/$1 ;;
esac
export LC_ALL=C
openssl=${OPENSSL:-openssl}
log=
work=$out.new
rm -rf "$work"
mkdir -p "$work"
cd "$work"
trap 'test -z "$log" || cat "$log" >&2; rm -rf "$work"' EXIT
log=$work/log

# Not the machine's configuration: what is made must not depend on it.
cat >req.cnf <<'CNF'
[req]
prompt = no
utf8 = yes
string_mask = utf8only
distinguished_name = dn
[dn]
[ca]
default_ca = any
[any]
database = index
new_certs_dir = issued
rand_serial = yes
unique_subject = no
default_md = sha256
policy = all
copy_extensions = none
[all]
CNF
mkdir issued
: >index

EC="ec -pkeyopt ec_paramgen_curve:P-256"
RSA="rsa:2048"
CA="basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash"
SERVER="basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
CLIENT="basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth"
LOCALHOST="/O=Test/CN=localhost"

run() {
	"$openssl" "$@" >>"$log" 2>&1
}

# issue NAME ISSUER KEY-TYPE SUBJECT EXTENSIONS [FIRST LAST]; ISSUER = NAME: self-signed
issue() {
	printf '%s\n' "$5" >ext.cnf
	# shellcheck disable=SC2086
	run req -config req.cnf -new -newkey $3 -noenc -keyout "$1.key" -subj "$4" -out csr
	if [ "$1" = "$2" ]; then
		signer="-selfsign"
	else
		signer="-cert $2.crt"
	fi
	# shellcheck disable=SC2086
	run ca -config req.cnf -batch -notext -preserveDN $signer -keyfile "$2.key" -in csr -out "$1.crt" \
		-extfile ext.cnf -startdate "${6:-20200101000000Z}" -enddate "${7:-20491231235959Z}"
}

# bundle NAME [CHAIN …]: NAME.pem and NAME.der
bundle() {
	name=$1
	cp "$name.crt" "$name.pem.new"
	shift
	for each in "$@"; do
		cat "$each.crt" >>"$name.pem.new"
	done
	cat "$name.key" >>"$name.pem.new"
	mv "$name.pem.new" "$name.pem"
	run x509 -in "$name.crt" -outform DER -out "$name.der"
}

# padding N: an extension (private number for documentation) of N bytes
padding() {
	printf '1.3.6.1.4.1.32473.1=ASN1:UTF8String:'
	head -c "$1" /dev/zero | tr '\0' x
}

# long NAME COUNT BYTES: a server certificate below COUNT intermediates of BYTES padding each
long() {
	above=ca
	chain=
	i=1
	while [ "$i" -le "$2" ]; do
		issue "$1-inter$i" "$above" "$EC" "/O=Test/CN=$1 intermediate $i" "$CA
$(padding "$3")"
		above=$1-inter$i
		chain="$above $chain"
		i=$((i + 1))
	done
	issue "$1" "$above" "$EC" "$LOCALHOST" "$SERVER"
	# shellcheck disable=SC2086
	bundle "$1" $chain
}

# openssl cannot write a NUL: bytes of the same number are replaced, and the result signed anew.
# An RSA-2048 signature is always the last 256 bytes.
resign() {
	run x509 -in "$1.crt" -outform DER -out der
	size=$(wc -c <der)
	sed -e 's/device-1~/device-1\x00/g' -e 's/h.her.example/h\xf6her.example/' der >patched
	run asn1parse -inform DER -in patched -strparse 4 -noout -out tbs
	run dgst -sha256 -sign "$2.key" -out signature tbs
	head -c $((size - 256)) patched >der
	cat signature >>der
	run x509 -inform DER -in der -out "$1.crt"
}

for name in ca other-ca; do
	issue $name $name "$EC" "/O=Test/CN=Test $name" "$CA"
done
issue rsa-ca rsa-ca "$RSA" "/O=Test/CN=Test rsa-ca" "$CA"
issue inter ca "$EC" "/O=Test/CN=Test intermediate" "$CA"
cat ca.crt rsa-ca.crt >roots.crt
mkdir ca-dir
cp ca.crt rsa-ca.crt ca-dir
echo "This is no certificate." >ca-dir/README

issue server ca "$EC" "$LOCALHOST" "$SERVER"
issue server-rsa rsa-ca "$RSA" "$LOCALHOST" "$SERVER"
issue server-inter inter "$EC" "$LOCALHOST" "$SERVER"
issue server-expired ca "$EC" "$LOCALHOST" "$SERVER" 20010101000000Z 20100101000000Z
long server-5k 2 1800
long server-20k 4 4450

issue client ca "$EC" "/C=DE/O=Example Fleet/OU=Sensors/serialNumber=0042/CN=device-1" "$CLIENT
subjectAltName=@san
[san]
DNS.1=device-1.fleet.example
URI.1=urn:dev:ops:32473-device-1
email.1=device-1@fleet.example
IP.1=192.0.2.1
IP.2=2001:db8::1
otherName.1=1.3.6.1.4.1.32473.2;UTF8:other"
issue client-2 ca "$EC" "/O=Example Fleet/CN=device-2" "$CLIENT"
issue client-rsa ca "$RSA" "/O=Example Fleet/CN=device-rsa" "$CLIENT"
issue client-inter inter "$EC" "/O=Example Fleet/CN=device-inter" "$CLIENT"
issue client-expired ca "$EC" "/O=Example Fleet/CN=device-expired" "$CLIENT" \
	20010101000000Z 20100101000000Z
issue client-future ca "$EC" "/O=Example Fleet/CN=device-future" "$CLIENT" \
	20900101000000Z 20951231235959Z
issue client-unknown other-ca "$EC" "/O=Example Fleet/CN=device-unknown" "$CLIENT"
issue client-self client-self "$EC" "/O=Example Fleet/CN=device-self" "$CLIENT"
issue client-weak ca "rsa:1024" "/O=Example Fleet/CN=device-weak" "$CLIENT"
issue client-odd rsa-ca "$EC" '/CN=device-1~.evil.example/OU=Συσκευές/O=line
"quoted", a\+b \\ c' "$CLIENT
subjectAltName=DNS:device-1~.evil.example,DNS:hoher.example"
resign client-odd rsa-ca

for name in ca other-ca rsa-ca server server-rsa server-expired client client-2 client-rsa \
	client-expired client-future client-unknown client-self client-weak client-odd; do
	bundle $name
done
bundle inter
bundle server-inter inter
bundle client-inter inter

mkdir certbot
cp server-inter.crt certbot/cert.pem
cp inter.crt certbot/chain.pem
cat server-inter.crt inter.crt >certbot/fullchain.pem
cp server-inter.key certbot/privkey.pem

cat server.crt client.key >server-mismatch.pem
run pkcs8 -topk8 -in server.key -v2 aes-256-cbc -iter 2048 -passout pass:secret \
	-out server-encrypted.key
cat server.crt server-encrypted.key >server-encrypted.pem
run ecparam -name prime256v1 -out server-traditional.key
run ec -in server.key -aes256 -passout pass:secret -out traditional
cat traditional >>server-traditional.key
cat server-inter.key inter.crt server-inter.crt >server-key-first.pem

p12() {
	run pkcs12 -export -in server-inter.crt -inkey server-inter.key -certfile inter.crt "$@"
}
p12 -passout pass:secret -out server.p12
p12 -passout pass: -out server-open.p12
p12 -legacy -passout pass:secret -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES -macalg sha1 \
	-out server-old.p12
run pkcs12 -export -nokeys -in server-inter.crt -passout pass:secret -out server-cert-only.p12

rm -rf issued
rm -f csr der tbs signature patched traditional ext.cnf req.cnf index* "$log"
log=
chmod 644 ./*.key
cd /
rm -rf "$out"
mv "$work" "$out"
trap - EXIT
