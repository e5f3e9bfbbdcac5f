#!/usr/bin/env bash
# ./installer/test.sh: the set-up of run.sh, a build of everything, and all tests; ends with their summary.
set -euo pipefail
. "$(dirname "$0")/setup.sh"

set_up
timed "Build" build all
say "Ready after $SECONDS s"
cd "$root/build/release"
ctest -j2 --output-on-failure
