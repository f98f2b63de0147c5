#!/usr/bin/env bash
# sources.sh - fetches the source packages whose own test suites tests/preload runs: packages do not contain those.
#
# usage: sources.sh FOLDER      FOLDER/NAME is then the unpacked source of each NAME below; what is there stays
#
# From the Debian mirror that this host installs from, with lists of its own: nothing of the host's apt is changed.
# The tests are those of the release, which may be a security update behind the program; so both runs are compared.
set -euo pipefail

readonly NAMES=(memcached perl postgresql-15 redis ruby3.1 tcl8.6)
[[ $# -eq 1 ]] || { echo "usage: sources.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
cd "$1"

missing=()
for name in "${NAMES[@]}"; do
    [[ -f $name/.whole ]] || missing+=("$name")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
mirror=$(sed -n 's/^URIs: *\(http[^ ]*\/debian\)\/*$/\1/p; s/^deb [^h]*\(http[^ ]*\/debian\)\/* .*/\1/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1) || true
mkdir -p apt/lists/partial
echo "deb-src ${mirror:-http://deb.debian.org/debian} $release main" >apt/sources.list
options=(-qq -o "Dir::Etc::SourceList=$PWD/apt/sources.list" -o "Dir::Etc::SourceParts=/dev/null"
    -o "Dir::State::Lists=$PWD/apt/lists" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
    -o "APT::Sandbox::User=" -o "Acquire::Retries=3")
apt-get "${options[@]}" update

# One after the other, each whole or not there: the suites of those that cannot be had are skipped.
status=0
for name in "${missing[@]}"; do
    rm -rf "$name" "get"
    mkdir get
    if (cd get && apt-get "${options[@]}" --download-only source "$name" >/dev/null &&
        dpkg-source --skip-patches -x ./*.dsc ../"$name" >/dev/null 2>&1); then
        touch "$name/.whole"
    else
        echo "sources.sh: no source of $name: its test suite will be skipped" >&2
        status=1
    fi
done
rm -rf get apt
rm -f ./*.orig*.tar.*
exit "$status"
