#!/usr/bin/env bash
# release.sh - makes a release: `./dev release` runs it.
#
# Checks first, changes then: what fails leaves the tree as it was. Nothing leaves this machine; pushing is yours.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'TEXT'
usage: ./dev release [--yes] [--no-tests] VERSION

Makes version VERSION (MAJOR.MINOR.PATCH) out of what is committed:

  - the tree is clean, on a branch, the version is new and greater than all released ones
  - CHANGELOG.md says under "Unreleased" what has changed
  - all tests pass (./dev test --all; --no-tests leaves them out, for trying this script)
  - the version is set in its one place, CMakeLists.txt, and the changelog's section gets it and the date
  - README.md gets the coverage of this version (./dev coverage; not with --no-tests)
  - commit and annotated tag vVERSION

Without --yes it says what it would do, checks all but the tests, and changes nothing.
TEXT
}

say() {
    printf 'release: %s\n' "$*"
}

die() {
    printf 'release: %s\n' "$*" >&2
    exit 1
}

# The first of two versions is greater.
is_greater() {
    [[ $1 != "$2" && $(printf '%s\n%s\n' "$1" "$2" | sort -V | tail -n 1) == "$1" ]]
}

current_version() {
    sed -n 's/^project(hakmem VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt
}

# What the changelog says under "Unreleased", without blank lines.
unreleased() {
    awk '/^## / { inside = ($2 == "Unreleased"); next } inside && NF' CHANGELOG.md
}

check_version() {
    local tag
    [[ $version =~ ^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$ ]] ||
        die "'$version' is no version: MAJOR.MINOR.PATCH"
    while read -r tag; do
        is_greater "$version" "${tag#v}" || die "$version is not greater than $tag, which is released"
    done < <(git tag --list 'v[0-9]*')
    [[ $version == "$(current_version)" ]] || is_greater "$version" "$(current_version)" ||
        die "$version is not greater than $(current_version), which CMakeLists.txt has"
}

check_tree() {
    [[ -z $(git status --porcelain) ]] || die "the tree is not clean: commit or stash first (git status)"
    git symbolic-ref -q HEAD >/dev/null || die "not on a branch"
    unreleased | grep -qv '^#' || die "CHANGELOG.md has nothing under 'Unreleased'"
}

set_version() {
    sed -i "s/^project(hakmem VERSION [0-9.]*/project(hakmem VERSION $version/" CMakeLists.txt
    [[ $(current_version) == "$version" ]] || die "CMakeLists.txt: could not set the version"
    sed -i "s/^## Unreleased\$/## Unreleased\n\n## $version - $(date -u +%Y-%m-%d)/" CHANGELOG.md
    grep -q "^## $version - " CHANGELOG.md || die "CHANGELOG.md: could not name the section"
}

# A release that fails half-way is none.
undo() {
    git checkout -q -- CMakeLists.txt CHANGELOG.md README.md
}

yes=0 tests=1 version=''
while [[ $# -gt 0 ]]; do
    case $1 in
    --yes) yes=1 ;;
    --no-tests) tests=0 ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *)
        [[ -z $version ]] || die "one version, not '$version' and '$1'"
        version=$1
        ;;
    esac
    shift
done
[[ -n $version ]] || {
    usage >&2
    exit 2
}

check_version
check_tree
say "$(current_version) becomes $version, out of $(git rev-parse --short HEAD) on $(git symbolic-ref --short HEAD)"
say "what it says of itself:"
unreleased | sed 's/^/    /'
if [[ $yes -eq 0 ]]; then
    say "would run all tests, set the version in CMakeLists.txt and CHANGELOG.md, measure coverage,"
    say "commit, and tag v$version"
    say "nothing was changed; --yes does it"
    exit 0
fi
if [[ $tests -eq 1 ]]; then
    ./dev test --all
    [[ -z $(git status --porcelain) ]] || die "the tests changed the tree (git status)"
fi
trap undo ERR
set_version
if [[ $tests -eq 1 ]]; then
    ./dev coverage --readme
fi
git commit -q -m "release: $version" CMakeLists.txt CHANGELOG.md README.md
trap - ERR
git tag -a "v$version" -m "hakmem $version"
say "committed $(git rev-parse --short HEAD), tagged v$version"
say "to publish it: git push --follow-tags; ./dev package makes the packages"
