# Sourced by run.sh and test.sh: installs what is missing and configures and builds. Every step is skipped when it is done.
# VITRINE_DEPS_DIR (default build/deps) is where libtorch is unpacked; pip's own PIP_* settings are honoured.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=${VITRINE_DEPS_DIR:-$root/build/deps}
package_lists=("$root/installer/packages.txt")

say() { printf '[vitrine] %s\n' "$*" >&2; }
die() { step=; printf 'vitrine installer: %s\n' "$*" >&2; exit 1; }
step=
trap '[ -z "$step" ] || printf "vitrine installer: %s failed\n" "$step" >&2' EXIT

# timed TITLE COMMAND...: runs the command and says how long it took. The step's own failure ends the script (set -e),
# so a step must not be called under `if` or `||`, which would switch that off inside it.
timed() {
  local title=$1 start=$SECONDS
  shift
  step=$title
  say "$title ..."
  "$@"
  step=
  say "$title: $((SECONDS - start)) s"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null; then sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else die "these need root or sudo: $*"
  fi
}

# Names from the package lists for this distribution that dpkg does not have; a command found elsewhere counts as installed.
missing_packages() {
  local name ubuntu provides distribution
  distribution=$(. /etc/os-release && echo "${ID:-debian}")
  while read -r name ubuntu; do
    case $name in ''|'#'*) continue ;; esac
    [ "$distribution" = ubuntu ] && [ -n "$ubuntu" ] && name=$ubuntu
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' && continue
    provides=
    case $name in
      python3-pip) provides='python3 -m pip --version' ;;
      cmake) provides='cmake_is_new_enough' ;;
    esac
    if [ -n "$provides" ] && $provides >/dev/null 2>&1; then continue; fi
    echo "$name"
  done < <(cat "${package_lists[@]}")
}

cmake_is_new_enough() {
  local found
  found=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
  [ "$(printf '%s\n' 3.25 "$found" | sort -V | head -n 1)" = 3.25 ]
}

install_packages() {
  command -v dpkg-query >/dev/null || die "this needs Debian 12 or Ubuntu 24.04 (dpkg was not found)"
  local missing
  mapfile -t missing < <(missing_packages)
  if [ "${#missing[@]}" -eq 0 ]; then say "Packages: all there"; return; fi
  say "${#missing[@]} packages to install: ${missing[*]}"
  timed "Package lists" as_root apt-get -qq update
  timed "Packages" as_root apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# fetch_wheel NAME==VERSION --hash=sha256:HASH FOLDER: downloads that one wheel into FOLDER; pip checks its hash.
fetch_wheel() {
  local requirements=$3/requirements.txt platform platforms=()
  mkdir -p "$3"
  printf '%s %s\n' "$1" "$2" >"$requirements"
  for platform in 2_28 2_27 2_25 2_24 2_17; do platforms+=(--platform "manylinux_${platform}_x86_64"); done
  python3 -m pip download --quiet --no-deps --require-hashes --only-binary :all: --python-version 3.11 \
    --implementation cp "${platforms[@]}" --platform manylinux2014_x86_64 -d "$3" -r "$requirements"
}

# unpack_wheel NAME==VERSION --hash=...: what the build needs of one wheel goes into $deps; the stamp holds the hash.
unpack_wheel() {
  local stamp=$deps/.stamps/$1 work=$deps/.work/$1
  rm -rf "$work"
  fetch_wheel "$1" "$2" "$work"
  # 11: one of the patterns has no match, since each wheel holds only some of the folders.
  unzip -qo "$work"/*.whl 'torch/lib/*' 'torch/include/*' 'nvidia/*' '*.dist-info/*' \
    -x 'torch/lib/libtorch_python.so' -d "$deps" 2>"$work/unzip.log" ||
    [ $? -eq 11 ] || { cat "$work/unzip.log" >&2; exit 1; }
  rm -rf "$work"
  mkdir -p "$deps/.stamps"
  echo "$2" >"$stamp"
}

install_wheels() {
  local wheel hash
  [ "$(uname -m)" = x86_64 ] || die "libtorch is pinned for x86-64, this machine is $(uname -m)"
  while read -r wheel hash; do
    case $wheel in ''|'#'*) continue ;; esac
    if [ "$(cat "$deps/.stamps/$wheel" 2>/dev/null)" = "$hash" ]; then
      say "$wheel: there"
    else
      timed "$wheel" unpack_wheel "$wheel" "$hash"
    fi
  done <"$root/installer/wheels.txt"
}

sha256_is() { [ "$(sha256sum "$1" 2>/dev/null | cut -d ' ' -f 1)" = "$2" ]; }

# build_jobs: one compiler a core, and no more than the memory carries at 2 GB each.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ { print int($2 / 2000000) }' /proc/meminfo)
  [ "$memory" -lt 1 ] && memory=1
  echo $((cores < memory ? cores : memory))
}

configure() {
  cd "$root"
  local stamp=build/release/.configured
  local now="$deps $*"
  if [ -f build/release/build.ninja ] && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then return; fi
  mkdir -p build/release
  cmake --preset release -DVITRINE_DEPS_DIR="$deps" "$@" >build/release/configure.log 2>&1 ||
    { cat build/release/configure.log >&2; exit 1; }
  echo "$now" >"$stamp"
}

build() { cmake --build "$root/build/release" --parallel "$(build_jobs)" --target "$@"; }

set_up() {
  install_packages
  install_wheels
  timed "Configuration" configure -DVITRINE_TESTS=ON
}
