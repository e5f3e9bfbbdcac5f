#!/usr/bin/env bash
# ./installer/coverage.sh [CORPUS]: lines of engine/io and engine/text that the tests reach (gcov), file by file; those that
# they do not, with the reason that tests/coverage/reasons.tsv gives, in build/coverage/missed.txt. Fails below 95 %, for a
# missed line without a reason and for a reason that is not true. CORPUS holds a folder of inputs a fuzz target.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
build_dir=$root/build/coverage
# The reader's own process cannot write its counters down (it may write no file): test_isolate tells of the near side only.
tests=(test_io test_audio test_image test_text test_isolate test_fuzz_seeds test_differential test_fault)

mkdir -p "$root/build"
cmake --preset coverage -S "$root" -B "$build_dir" -DVITRINE_DEPS_DIR="$deps" >"$root/build/coverage.log" 2>&1 ||
  { cat "$root/build/coverage.log" >&2; exit 1; }
timed "Build" cmake --build "$build_dir" --parallel "$(build_jobs)" --target "${tests[@]}" >&2
find "$build_dir" -name '*.gcda' -delete

run_test() {
  VITRINE_FUZZ_CORPUS=$2 VITRINE_RESOURCES=$root/resources "$build_dir/bin/$1" --gtest_brief=1 >"$build_dir/$1.log" 2>&1
}
start=$SECONDS failed=0
for test in "${tests[@]}"; do
  begun=$SECONDS
  run_test "$test" "${1:-}" || { failed=1; say "$test failed:"; grep -B 12 'FAILED' "$build_dir/$test.log" >&2 || tail -n 5 "$build_dir/$test.log" >&2; }
  say "$test: $((SECONDS - begun)) s"
done
say "Tests: $((SECONDS - start)) s"

objects=$build_dir/engine/CMakeFiles/engine_base.dir
python3 "$root/tests/coverage/table.py" "$root" "$objects" "$root/tests/coverage/reasons.tsv" "$build_dir/missed.txt" || failed=1
exit "$failed"
