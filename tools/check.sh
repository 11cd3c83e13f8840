#!/bin/sh
# check.sh PRESET... - configures, builds and tests each preset, and stops at the first that fails.
set -eu
cd "$(dirname "$0")/.."

# gcc's TSan cannot start where the kernel randomises more address bits than its shadow map
# allows; where the randomisation cannot be switched off, it is left to its luck.
fixed_addresses() {
	if setarch "$(uname -m)" -R true 2>/dev/null; then
		setarch "$(uname -m)" -R "$@"
	else
		"$@"
	fi
}

for preset in "$@"; do
	printf '\n== %s\n' "$preset"
	cmake --preset "$preset" --log-level=WARNING
	cmake --build --preset "$preset"
	case $preset in
	tsan) fixed_addresses ctest --preset "$preset" ;;
	*) ctest --preset "$preset" ;;
	esac
done
