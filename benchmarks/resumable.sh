# Sourced by the tables of this folder, with $root set.
espalier=${ESPALIER:-$root/espalier}

# finish FOLDER COMMAND...: makes a run folder by that command, goes on with one that was stopped, leaves one that is complete as it is. The weights are the
# last thing a run leaves.
finish() {
  local folder=$1; shift
  [[ ! -f $folder/model.safetensors ]] || return 0
  mkdir -p "$(dirname "$folder")"
  if [[ -f $folder/run.json ]]; then "$espalier" resume "$folder" --quiet > "$folder.log"
  else "$espalier" "$@" --quiet --json -o "$folder" > "$folder.log"; fi
}
