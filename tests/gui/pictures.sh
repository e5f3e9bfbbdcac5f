#!/usr/bin/env bash
# Draws every picture of resources/docs, dark and light, with the built program:
#   tests/gui/pictures.sh PROGRAM [OUT_FOLDER [NAME...]]
# One session file of resources/docs/pictures is one picture. Those on a downloaded model are left out where it is not
# there (`installer/run.sh --models` fetches them). With ImageMagick the pictures are packed tighter, without loss.
set -euo pipefail
program=$(realpath "${1:?expected the program vitrine}")
cd "$(dirname "$0")/../.."
out=${2:-resources/docs}
mkdir -p "$out"
models=${VITRINE_MODELS_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/vitrine/models}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nobody's own settings, arrangement or recent files show in a picture.
export XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state XDG_DATA_HOME=$work/data VITRINE_MODELS_DIR=$models
export XDG_RUNTIME_DIR=$work LIBGL_ALWAYS_SOFTWARE=1 OMP_WAIT_POLICY=passive
unset DISPLAY WAYLAND_DISPLAY QT_QPA_PLATFORM
failed=0
for session in resources/docs/pictures/*.vitrine; do
  name=$(basename "$session" .vitrine)
  if [ $# -gt 2 ] && [[ " ${*:3} " != *" $name "* ]]; then continue; fi
  model=$(grep -o '@models@/[^"]*' "$session" | head -n 1 || true)
  if [ -n "$model" ] && [ ! -e "$models/${model#@models@/}" ]; then
    echo "left out $name: $models/${model#@models@/} is not there"
    continue
  fi
  sed "s|@models@|$models|g" "$session" >"$work/$name.vitrine"
  for theme in dark light; do
    picture=$work/${name}_$theme.png
    if ! "$program" --session "$work/$name.vitrine" --screenshot "$picture" --size 1600x1000 --theme $theme; then
      failed=1
      continue
    fi
    if command -v convert >/dev/null; then
      convert "$picture" -strip -define png:compression-level=9 -define png:compression-filter=5 "$picture.png"
      if [ "$(stat -c %s "$picture.png")" -lt "$(stat -c %s "$picture")" ]; then mv "$picture.png" "$picture"; fi
    fi
    mv "$picture" "$out/"
    echo "$out/${name}_$theme.png"
  done
done
exit $failed
