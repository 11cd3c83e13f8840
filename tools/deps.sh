#!/bin/sh
# deps.sh GROUP... - installs the Debian packages of these groups, and only what is missing.
#
# As root with apt-get; as anybody else through sudo, without a question where nobody can answer
# it; with neither it prints the command for root and fails. Where nothing is missing it neither
# needs root nor a network.
set -eu

# group, package, reason
packages() {
	cat <<-'EOT'
	build   cmake                 configures the build
	build   ninja-build           runs it
	build   gcc                   compiles C
	build   g++                   compiles the C++ side of the module header
	build   libc6-dev             headers of the C library
	build   pkg-config            finds jansson
	build   libssl-dev            OpenSSL: handshake and ciphers
	build   libjansson-dev        reads the configuration
	test    libcriterion-dev      the unit test framework
	test    openssl               a client: s_client; makes certificates
	test    gnutls-bin            a client of another stack: gnutls-cli
	test    libcoap3-bin          CoAP clients and a plain server behind relay
	test    softhsm2              a token: PKCS#11 without hardware
	test    libengine-pkcs11-openssl  the engine by which OpenSSL uses it
	test    putty-tools           writes PPK files
	test    tshark                reads what was on the wire
	test    util-linux            setarch, for the thread sanitizer; unshare, for a network of a test's own
	test    iproute2              gives that network its packet size
	test    python3               runs the structure and interop tests
	test    python3-cryptography  makes certificates that are wrong on purpose
	test    python3-jsonschema    checks the printed schema
	fuzz    clang                 libFuzzer's compiler
	fuzz    libclang-rt-14-dev    libFuzzer and its sanitizers
	format  clang-format          applies .clang-format
	format  git                   lists the sources
	EOT
}

# Writes a policy that starts no service, runs the installation, and takes the policy away. A
# policy that was there stays: it is the administrator's.
install_as_root() {
	policy=$1
	shift
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		trap 'exit 130' INT TERM HUP
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update || echo "deps.sh: going on with the package lists that are here" >&2
	apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints "package reason" for what the groups lack, each package once.
list_missing() {
	packages | while read -r group package reason; do
		case " $* " in *" $group "*) ;; *) continue ;; esac
		is_installed "$package" || printf '%s %s\n' "$package" "$reason"
	done | sort -u -k1,1
}

refuse() {
	printf 'deps.sh: %s; as root, run:\n  apt-get update && apt-get install -y --no-install-recommends %s\n' \
		"$1" "$2" >&2
	exit 1
}

main() {
	policy=${DTLSD_POLICY_RC:-/usr/sbin/policy-rc.d}
	missing=$(list_missing "$@")
	[ -n "$missing" ] || return 0
	names=$(printf '%s\n' "$missing" | cut -d' ' -f1 | tr '\n' ' ' | sed 's/ $//')

	command -v apt-get >/dev/null || refuse "this is not a Debian system" "$names"
	echo "These Debian packages are missing and will be installed:"
	printf '%s\n' "$missing" | while read -r package reason; do
		printf '  %-22s %s\n' "$package" "$reason"
	done

	# Words of $names are packages: split on purpose.
	# shellcheck disable=SC2086
	if [ "$(id -u)" = 0 ]; then
		install_as_root "$policy" $names
	elif ! command -v sudo >/dev/null; then
		refuse "installing needs root, and there is no sudo" "$names"
	elif [ -t 0 ]; then
		sudo "$0" --as-root "$policy" $names
	elif sudo -n true 2>/dev/null; then
		sudo -n "$0" --as-root "$policy" $names
	else
		refuse "installing needs root, and sudo wants a password that nobody can type" "$names"
	fi
}

usage() {
	echo "usage: deps.sh build|test|fuzz|format..." >&2
	exit 2
}

[ $# -gt 0 ] || usage
if [ "$1" = --as-root ]; then
	shift
	install_as_root "$@"
	exit
fi
for group in "$@"; do
	case $group in build | test | fuzz | format) ;; *) usage ;; esac
done
main "$@"
