#!/bin/sh
# fuzz.sh - builds the fuzz targets and runs each for FUZZ_SECONDS. New inputs stay in build/fuzz,
# so that the next run goes on from there; what crashed a target is left in build/fuzz/crashes.
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}

cmake --preset fuzz --log-level=WARNING
cmake --build --preset fuzz

for target in build/fuzz/fuzzers/*; do
	[ -x "$target" ] || { echo "fuzz.sh: there is no fuzz target" >&2; exit 1; }
	name=$(basename "$target")
	corpus=build/fuzz/corpus/$name
	mkdir -p "$corpus" build/fuzz/crashes
	printf '\n== %s, %s seconds\n' "$name" "$seconds"
	"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/crashes/$name-" \
		"$corpus" "tests/fuzz/corpus/$name"
done
