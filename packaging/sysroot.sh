#!/usr/bin/env bash
# sysroot.sh - a folder with the libraries of another architecture, for cross builds: sysroot.sh ARCHITECTURE FOLDER
#
# They are Debian's packages for it, from the archive that this host's apt is set up for, unpacked and not installed:
# the host's own packages and apt's lists stay as they are, and it takes no root.
set -euo pipefail

readonly PACKAGES=(libc6-dev libstdc++6 libuv1-dev libcjson-dev libsystemd-dev libcmocka-dev)

[[ $# -eq 2 ]] || {
    printf 'usage: sysroot.sh ARCHITECTURE FOLDER\n' >&2
    exit 2
}
architecture=$1
mkdir -p "$2"
folder=$(realpath "$2")
wanted="$architecture ${PACKAGES[*]}"
if [[ -f $folder/.made && $(<"$folder/.made") == "$wanted" ]]; then
    exit 0
fi

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state"/lists/partial "$state"/archives/partial
: >"$state/status"
cat >"$state/apt.conf" <<TEXT
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state";
APT::Sandbox::User "root";
TEXT
export APT_CONFIG=$state/apt.conf
apt-get -qq update
apt-get -qq --yes --no-install-recommends --download-only install "${PACKAGES[@]}"
for package in "$state"/archives/*.deb; do
    dpkg-deb -x "$package" "$folder"
done
# Links to /lib/... would lead into the host.
find "$folder" -lname '/*' | while IFS= read -r link; do
    ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$folder$(readlink "$link")")" "$link"
done
printf '%s\n' "$wanted" >"$folder/.made"
