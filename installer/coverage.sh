#!/usr/bin/env bash
# ./installer/coverage.sh [CORPUS]: lines of engine/io and engine/text that the tests reach (gcov), file by file, those that
# they do not in build/coverage/missed.txt. CORPUS holds a folder of inputs a fuzz target (build/fuzz/corpus).
set -euo pipefail
. "$(dirname "$0")/setup.sh"
build_dir=$root/build/coverage
tests=(test_io test_text test_image test_fuzz_seeds test_differential)

cmake --preset coverage -S "$root" -B "$build_dir" >"$root/build/coverage.log" 2>&1 || { cat "$root/build/coverage.log" >&2; exit 1; }
cmake --build "$build_dir" --parallel "$(build_jobs)" --target "${tests[@]}" >&2
find "$build_dir" -name '*.gcda' -delete
for test in "${tests[@]}"; do
  VITRINE_FUZZ_CORPUS=${1:-} "$build_dir/bin/$test" --gtest_brief=1 >&2 || say "$test failed"
done

# Beside the build folder, from which the names of the sources are told.
work=$root/build/gcov
rm -rf "$work"
mkdir -p "$work"
cd "$work"
find "$build_dir/engine/CMakeFiles/engine_base.dir/io" "$build_dir/engine/CMakeFiles/engine_base.dir/text" -name '*.gcda' \
  -exec gcov --preserve-paths {} + >/dev/null 2>&1
# Of a line that several objects hold, the largest count is meant.
awk -F: -v missed="$build_dir/missed.txt" '
  FNR == 1 { file = "" }
  $2 + 0 == 0 { if ($3 == "Source") { file = $4; sub(/^.*engine\//, "engine/", file) } next }
  file !~ /^engine\/(io|text)\// { next }
  { count = $1; gsub(/[ *]/, "", count); key = file ":" ($2 + 0) }
  count == "-" { next }
  count ~ /^[0-9]/ { reached[key] = 1; lines[key] = file; next }
  { lines[key] = file; if (!(key in text)) text[key] = substr($0, index($0, $3)) }
  END {
    for (key in lines) { all[lines[key]]++; if (key in reached) hit[lines[key]]++; else print key ": " text[key] | ("sort -t: -k1,1 -k2,2n >" missed) }
    for (file in all) { printf "%6.1f %% %5d of %5d  %s\n", 100 * hit[file] / all[file], hit[file], all[file], file | "sort -k6"; a += all[file]; h += hit[file] }
    close("sort -k6")
    printf "%6.1f %% %5d of %5d  engine/io and engine/text\n", 100 * h / a, h, a
  }' $(find . -name '*.gcov')
