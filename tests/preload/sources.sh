#!/usr/bin/env bash
# sources.sh - fetches the source packages whose own test suites tests/preload runs: packages do not contain those.
#
# usage: sources.sh FOLDER      FOLDER/NAME is then the unpacked source of each NAME below; what is there stays, but for
#                              the source of another release
#
# From the Debian mirror that this host installs from, with lists of its own: nothing of the host's apt is changed.
# The tests are those of the release, which may be a security update behind the program; so both runs are compared.
set -euo pipefail

readonly NAMES=(memcached perl php postgresql redis ruby tcl8.6)
[[ $# -eq 1 ]] || { echo "usage: sources.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
cd "$1"

# What a release calls the source of NAME: of PHP, PostgreSQL and ruby each version has a source package of its own.
source_package() {
    case $1 in
    php | postgresql | ruby)
        LC_ALL=C apt-cache policy "$1" |
            sed -n "s/^  Candidate: \([0-9]*:\)\{0,1\}\([0-9][0-9]*\(\.[0-9][0-9]*\)\{0,1\}\).*/$1-\2/p" |
            sed 's/^ruby-/ruby/; s/^php-/php/'
        ;;
    *) echo "$1" ;;
    esac
}

missing=()
for name in "${NAMES[@]}"; do
    package=$(source_package "$name")
    [[ -n $package && $(cat "$name/.whole" 2>/dev/null) == "$package" ]] || missing+=("$name")
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
    package=$(source_package "$name")
    if (cd get && apt-get "${options[@]}" --download-only source "${package:-$name}" >/dev/null &&
        dpkg-source --skip-patches -x ./*.dsc ../"$name" >/dev/null 2>&1); then
        echo "$package" >"$name/.whole"
    else
        echo "sources.sh: no source of $name: its test suite will be skipped" >&2
        status=1
    fi
done
rm -rf get apt
rm -f ./*.orig*.tar.*
exit "$status"
