#!/bin/sh
# fuzz.sh - builds the fuzz targets and runs each for FUZZ_SECONDS, or FUZZ_TARGET alone; as many at a
# time as there are processors, two at most. New inputs stay in build/fuzz/corpus, so that the next run
# goes on from there; what crashed a target is left in build/fuzz/crashes, what it said in build/fuzz/log.
#
#	fuzz.sh --run NAME	runs one that is built; for fuzz.sh itself
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}

run_one() {
	corpus=build/fuzz/corpus/$1 log=build/fuzz/log/$1
	mkdir -p "$corpus" build/fuzz/crashes build/fuzz/log
	printf '== %s, %s seconds, log in %s\n' "$1" "$seconds" "$log"
	if "build/fuzz/fuzzers/$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="build/fuzz/crashes/$1-" \
		"$corpus" "tests/fuzz/corpus/$1" >"$log" 2>&1; then
		return 0
	fi
	tail -n 40 "$log"
	return 1
}

# One line of what libFuzzer wrote into a log.
summarise() {
	awk -v name="$1" '
		{ for (i = 1; i < NF; i++) if ($i == "cov:") { if (first == "") first = $(i + 1); last = $(i + 1) } }
		/^stat::number_of_executed_units:/ { runs = $2 }
		/^stat::average_exec_per_sec:/ { rate = $2 }
		/Test unit written to/ { crash = ", crashed: " $NF }
		END { printf "%-12s %9d executions, %5d/s, coverage %d, new %d%s\n", name, runs, rate, last, last - first, crash }
	' "build/fuzz/log/$1"
}

if [ "${1:-}" = --run ]; then
	run_one "$2"
	exit
fi

cmake --preset fuzz --log-level=WARNING
cmake --build --preset fuzz ${FUZZ_TARGET:+--target "fuzz_$FUZZ_TARGET"}
targets=${FUZZ_TARGET:-$(ls build/fuzz/fuzzers)}
jobs=$(nproc)
[ "$jobs" -le 2 ] || jobs=2

failed=0
# shellcheck disable=SC2086 # one word is one target
printf '%s\n' $targets | xargs -n 1 -P "$jobs" tools/fuzz.sh --run || failed=1
echo
for target in $targets; do
	summarise "$target"
done
exit $failed
