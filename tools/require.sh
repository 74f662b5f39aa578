#!/usr/bin/env bash
# Sees to it that the Debian packages named as arguments are installed, and that Swift is there.
# Does nothing, and asks for no rights, where everything is present.
set -euo pipefail

missing=()
if command -v dpkg >/dev/null; then
  for package in "$@"; do
    # `dpkg -s` alone also succeeds for packages that were removed but not purged.
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done
else
  echo "This is no Debian-like system: please see to $* yourself." >&2
fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Please install as root: apt-get install ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq || echo "The package lists could not be refreshed." >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! command -v "${SWIFT:-swift}" >/dev/null; then
  cat >&2 <<'MESSAGE'
Apus needs Swift 6.3 or newer, and there is no `swift` on the PATH.

On Debian and Ubuntu, swiftly installs it (from https://www.swift.org/install/linux/):

    curl -O https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz
    tar zxf swiftly-$(uname -m).tar.gz
    ./swiftly init
    . ~/.local/share/swiftly/env.sh

Then run make again.
MESSAGE
  exit 1
fi
