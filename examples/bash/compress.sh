#!/usr/bin/env bash
# Compresses the text files of a folder, and says how far it is. An attempt that is interrupted leaves finished files behind, so
# the next one does the rest.
#
#   handlers:
#     compress:
#       exec: [../bash/compress.sh, /var/data/inbox]
set -euo pipefail

# Without afd, events go to stderr.
say() { printf "$1\n" "${@:2}" >&"${AFD_EVENTS_FD:-2}"; }

shopt -s nullglob
files=("$1"/*.txt)
if ((${#files[@]} == 0)); then
  say '{"type":"later","after":"10m","message":"the folder is empty"}'
  exit 75
fi
finished=0
for file in "${files[@]}"; do
  gzip --force -- "$file"
  finished=$((finished + 1))
  say '{"type":"progress","done":%d,"total":%d}' "$finished" "${#files[@]}"
done
say '{"type":"log","level":"info","message":"compressed","files":%d}' "$finished"
say '{"type":"metric","name":"files","value":%d}' "$finished"
say '{"type":"result","value":{"files":%d}}' "$finished"
