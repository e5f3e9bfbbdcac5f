#!/usr/bin/env bash
# ./installer/fuzz.sh SECONDS [TARGET...]: builds the fuzz targets (clang, AddressSanitizer, UndefinedBehaviorSanitizer) and
# runs each that long, or FUZZ_RUNS executions. Prints a table; exit 1 if there was a finding.
# Inputs have up to FUZZ_BYTES bytes (1024). FUZZ_BUILD (default build/fuzz) holds programs, corpora and findings;
# FUZZ_SKIP_BUILD=1 takes the programs that are there.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
package_lists+=("$root/installer/packages_fuzz.txt")

seconds=${1:-}
[[ $seconds =~ ^[0-9]+$ ]] || die "usage: fuzz.sh SECONDS [TARGET...]"
shift
build_dir=${FUZZ_BUILD:-$root/build/fuzz}
most_bytes=${FUZZ_BYTES:-1024}

build_targets() {
  cmake --preset fuzz -S "$root" -B "$build_dir" >"$build_dir/configure.log" 2>&1 || { cat "$build_dir/configure.log" >&2; exit 1; }
  cmake --build "$build_dir" --parallel "$(build_jobs)" --target fuzz_all
}

# rows: NAME FOLDERS of each target, as tests/fuzz/targets.def lists them.
rows() { sed -n 's/^TARGET(\([a-z_]*\), [a-z_]*, "\(.*\)")$/\1 \2/p' "$root/tests/fuzz/targets.def"; }

# fill_corpus NAME FOLDER...: the small seeds, once.
fill_corpus() {
  local name=$1 corpus=$build_dir/corpus/$1 folder file
  shift
  mkdir -p "$corpus"
  for folder in "$root/tests/fuzz/seeds/$name" "${@/#/$root/tests/golden/}"; do
    [ -d "$folder" ] || continue
    find "$folder" -type f -size -$((most_bytes + 1))c -print0 |
      while IFS= read -r -d '' file; do cp -n "$file" "$corpus/$(sha1sum "$file" | cut -c 1-40)"; done
  done
}

# run_target NAME: one row of the table; the status is the fuzzer's own.
run_target() {
  local name=$1 log=$build_dir/logs/$1.log status=0 limit=(-max_total_time="$seconds")
  [ -z "${FUZZ_RUNS:-}" ] || limit=(-runs="$FUZZ_RUNS")
  mkdir -p "$build_dir/logs" "$build_dir/findings"
  ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1:malloc_context_size=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=64:max_malloc_fill_size=0} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1} \
    "$build_dir/bin/fuzz_$name" "${limit[@]}" -max_len=$most_bytes -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -reload=0 -entropic=0 \
    -artifact_prefix="$build_dir/findings/$name-" "$build_dir/corpus/$name" >"$log" 2>&1 || status=$?
  local runs speed edges inputs found
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  inputs=$(find "$build_dir/corpus/$name" -type f | wc -l)
  found=$([ "$status" -eq 0 ] && echo none || grep -m 1 -oE 'SUMMARY: .*|ERROR: .*|terminate called.*' "$log" || echo "exit $status")
  printf '%-20s %12s %9s %7s %7s  %s\n' "$name" "${runs:-?}" "${speed:-?}" "${edges:-?}" "$inputs" "$found"
  return "$status"
}

if [ -z "${FUZZ_SKIP_BUILD:-}" ]; then
  install_packages
  mkdir -p "$build_dir"
  timed "Fuzz targets" build_targets >&2
fi
findings=0
printf '%-20s %12s %9s %7s %7s  %s\n' target executions 'per s' edges inputs finding
while read -r name folders; do
  if [ "$#" -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  # shellcheck disable=SC2086
  fill_corpus "$name" $folders
  run_target "$name" || findings=$((findings + 1))
done < <(rows)
if [ "$findings" -gt 0 ]; then
  printf '%d targets with a finding: see %s\n' "$findings" "$build_dir/findings"
  exit 1
fi
