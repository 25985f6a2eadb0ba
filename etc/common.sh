# Shared by the scripts in etc/ and .ci/; sourced, not run.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
name=$(basename "$(dirname "$0")")/${0##*/}

# Says why and stops.
die() {
  printf '%s: %s\n' "$name" "$*" >&2
  exit 1
}

# Bold where a person looks at it.
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' plain=$'\e[0m'
else
  bold='' plain=''
fi

step() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }

# Compilers to run at once: one a core, as long as each has 1.5 GiB of memory.
jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1572864) }' /proc/meminfo)
  if ((memory < 1)); then memory=1; fi
  echo $((cores < memory ? cores : memory))
}

# seconds_since T0: T0 is a value of EPOCHREALTIME; two digits behind the point where they matter.
seconds_since() {
  awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf b - a < 10 ? "%.2f" : "%.0f", b - a }'
}
