#!/usr/bin/env bash
# ./installer/bench.sh [--counts] [--keep]: builds tests/bench and runs the tables of the engine, of files, of memory, of quantised
# models and of the map explorer on a machine that should do nothing else, then counts the instructions of the hot kernels (callgrind, AVX2)
# against tests/bench/instructions.tsv. Exit 1 if a count differs by more than 3 %. Tables also as JSON in build/bench.
# --counts: only those; --keep: the new counts stay.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
package_lists+=("$root/installer/packages_bench.txt")
build_dir=$root/build/bench
kept=$root/tests/bench/instructions.tsv
counts_only= keep=
for argument in "$@"; do
  case $argument in
    --counts) counts_only=1 ;;
    --keep) keep=1 ;;
    *) die "usage: bench.sh [--counts] [--keep]" ;;
  esac
done

window=ON
[ -z "$counts_only" ] || window=OFF
build_benches() {
  mkdir -p "$build_dir"
  cmake --preset release -S "$root" -B "$build_dir" -DVITRINE_DEPS_DIR="$deps" -DVITRINE_BENCH=ON -DVITRINE_WINDOW="$window" \
    >"$build_dir/configure.log" 2>&1 || { cat "$build_dir/configure.log" >&2; exit 1; }
  cmake --build "$build_dir" --parallel "$(build_jobs)" --target "$@"
}

# count NAME: instructions of one kernel's fixed work on the AVX2 path, which valgrind offers at most.
count() {
  local log=$build_dir/$1.callgrind
  valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=vitrine_counted "$build_dir/bin/hot_kernels" "$1" >"$log" 2>&1 &&
    grep -q "^$1 AVX2$" "$log" || die "the instructions of $1 could not be counted: see $log"
  sed -n 's/.*Collected : *\([0-9]*\)$/\1/p' "$log"
}

count_all() {
  local name
  for name in $("$build_dir/bin/hot_kernels"); do printf '%s\t%s\n' "$name" "$(count "$name")"; done >"$build_dir/instructions.tsv"
}

# Table, JSON and verdict of NEW counts against OLD ones.
compare() {
  awk -F '\t' -v json="$build_dir/instructions.json" '
    NR == FNR { old[$1] = $2; next }
    FNR == 1 { printf "%-28s %12s %12s %9s\n", "instructions", "kept", "now", "change"; printf "[" > json }
    {
      change = $1 in old ? $2 / old[$1] - 1 : 0
      mark = !($1 in old) ? "new" : change > 0.03 || change < -0.03 ? "MORE THAN 3 %" : ""
      if (mark != "") bad = 1
      printf "%-28s %12s %12s %+8.1f%%  %s\n", $1, old[$1], $2, 100 * change, mark
      printf "%s\n  {\"name\": \"%s\", \"kept\": %d, \"now\": %d}", FNR == 1 ? "" : ",", $1, old[$1], $2 > json
    }
    END { printf "\n]\n" > json; exit bad }' "$kept" "$build_dir/instructions.tsv"
}

install_packages
install_wheels
targets=(hot_kernels)
[ -n "$counts_only" ] || targets+=(bench_engine bench_files bench_memory bench_quantised bench_explorer)
timed "Build" build_benches "${targets[@]}" >&2
if [ -z "$counts_only" ]; then
  export OMP_WAIT_POLICY=passive
  "$build_dir/bin/bench_engine" --benchmark_out="$build_dir/engine.json"
  "$build_dir/bin/bench_files" --benchmark_out="$build_dir/files.json"
  "$build_dir/bin/bench_memory" --benchmark_out="$build_dir/memory.json"
  "$build_dir/bin/bench_quantised" --benchmark_out="$build_dir/quantised.json"
  xvfb-run -a -s "-screen 0 1920x1080x24" "$build_dir/bin/bench_explorer" --benchmark_out="$build_dir/explorer.json"
fi
count_all
status=0
compare || status=$?
if [ -n "$keep" ]; then cp "$build_dir/instructions.tsv" "$kept"; status=0; fi
exit "$status"
