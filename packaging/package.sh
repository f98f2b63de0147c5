#!/usr/bin/env bash
# package.sh - makes packages out of a clean copy of this tree: ./dev package is how it is called.
#
#   package.sh tar|deb|rpm|check [--version X.Y.Z]
#
# All of it happens below $HAKMEM_BUILD_DIR/package (default: build/package), where the packages are found
# afterwards. What is copied is what git tracks or would; in a tree without git, all but build folders.
# --version stands in for CMakeLists.txt's, for tests of upgrades.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "${HAKMEM_BUILD_DIR:-build}/package"
PACKAGES=$(realpath "${HAKMEM_BUILD_DIR:-build}")/package
JOBS=$(nproc)
readonly PACKAGES JOBS

say() {
    printf 'package: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

project_version() {
    sed -n 's/^project(hakmem VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt
}

# The last change's time is the packages' time: who builds later gets the same.
source_epoch() {
    local epoch=${SOURCE_DATE_EPOCH:-}
    [[ -n $epoch ]] || epoch=$(git log -1 --format=%ct 2>/dev/null) || epoch=
    printf '%s\n' "${epoch:-$(stat -c %Y CHANGELOG.md)}"
}

tree_files() {
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
            if [[ -e $file || -L $file ]]; then
                printf '%s\0' "$file"
            fi
        done
    else
        find . -path './build*' -prune -o -type f -print0
    fi
}

# export_tree DIRECTORY: a copy of the tree that owes nothing to this one's umask.
export_tree() {
    rm -rf "$1"
    mkdir -p "$1"
    tree_files | tar --null --files-from=- --mtime="@$EPOCH" --mode=u=rwX,go=rX -cf - |
        tar -C "$1" --no-same-owner -xpf -
    sed -i "s/^project(hakmem VERSION [0-9.]* /project(hakmem VERSION $VERSION /" "$1/CMakeLists.txt"
}

# ---- Debian ----

# deb_tree DIRECTORY: a copy with debian/ where Debian's tools look for it.
deb_tree() {
    export_tree "$1"
    cp -a "$1/packaging/debian" "$1/debian"
    cat >"$1/debian/changelog" <<TEXT
hakmem ($VERSION) unstable; urgency=medium

  * See CHANGELOG.md.

 -- $(sed -n 's/^Maintainer: //p' packaging/debian/control)  $(LC_ALL=C TZ=UTC date --date="@$EPOCH" -R)
TEXT
}

# build_debs DIRECTORY [VARIABLE=VALUE...]: builds what deb_tree made; the packages are beside the directory then.
build_debs() {
    local tree=$1 log=$1.log
    shift
    if ! (cd "$tree" && env -u HAKMEM_BUILD_DIR "$@" dpkg-buildpackage -us -uc -b --jobs-try="$JOBS") >"$log" 2>&1; then
        tail -40 "$log" >&2
        die "dpkg-buildpackage failed; all it said: $log"
    fi
    rm -rf "$tree"
}

package_deb() {
    local place=$PACKAGES/deb-$VERSION
    rm -rf "$place"
    mkdir -p "$place"
    deb_tree "$place/hakmem-$VERSION"
    build_debs "$place/hakmem-$VERSION"
    say "lintian:"
    lintian --fail-on error --tag-display-limit 0 --suppress-tags initial-upload-closes-no-bugs \
        "$place"/*.changes >&2 || die "lintian found errors"
    ls "$place"/*.deb
}

# Twice, differing in all that should not matter; the second time without the tests.
package_check() {
    local place=$PACKAGES/check
    rm -rf "$place"
    mkdir -p "$place/one" "$place/two/in-another-place"
    deb_tree "$place/one/hakmem"
    cp -a "$place/one/hakmem" "$place/two/in-another-place/hakmem-tree"
    (umask 022 && build_debs "$place/one/hakmem" TZ=UTC LC_ALL=C)
    (umask 027 && build_debs "$place/two/in-another-place/hakmem-tree" TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 \
        HOME=/nonexistent USER=somebody DEB_BUILD_OPTIONS="nocheck parallel=1")
    check_same "$place/one" "$place/two/in-another-place"
}

check_same() {
    local deb different=0
    for deb in "$1"/*.deb; do
        if cmp -s "$deb" "$2/${deb##*/}"; then
            printf 'same       %s  %s\n' "$(sha256sum <"$deb" | cut -d' ' -f1)" "${deb##*/}"
        else
            printf 'DIFFERENT  %s\n' "${deb##*/}"
            different=1
        fi
    done
    [[ $different -eq 0 ]] || die "built twice, and not the same: $1, $2"
}

# ---- RPM ----

# Without looking for what the spec needs: rpm's database knows nothing of Debian's packages.
package_rpm() {
    local place=$PACKAGES/rpm
    rm -rf "$place"
    mkdir -p "$place/SOURCES" "$place/SPECS"
    export_tree "$place/hakmem-$VERSION"
    tar -C "$place" --owner=0 --group=0 --numeric-owner --sort=name -czf "$place/SOURCES/hakmem-$VERSION.tar.gz" \
        "hakmem-$VERSION"
    rm -rf "$place/hakmem-$VERSION"
    sed "s/@VERSION@/$VERSION/; s/@DATE@/$(LC_ALL=C TZ=UTC date --date="@$EPOCH" '+%a %b %d %Y')/" \
        packaging/rpm/hakmem.spec.in >"$place/SPECS/hakmem.spec"
    if ! rpmbuild --nodeps --define "_topdir $place" -bb "$place/SPECS/hakmem.spec" >"$place/build.log" 2>&1; then
        tail -40 "$place/build.log" >&2
        die "rpmbuild failed; all it said: $place/build.log"
    fi
    rm -rf "$place/BUILD" "$place/BUILDROOT"
    find "$place/RPMS" -name '*.rpm'
}

# ---- anywhere else ----

package_tar() {
    local place=$PACKAGES/tar name
    name=hakmem-$VERSION-linux-$(uname -m)
    rm -rf "$place"
    export_tree "$place/tree"
    cmake -S "$place/tree" -B "$place/obj" -G Ninja -DCMAKE_BUILD_TYPE=Release -DHAKMEM_TESTS=OFF \
        -DCMAKE_INSTALL_PREFIX=/usr >&2
    cmake --build "$place/obj" --parallel "$JOBS" >&2
    DESTDIR=$place/stage cmake --install "$place/obj" --strip >&2
    tar -C "$place/stage" --owner=0 --group=0 --numeric-owner --sort=name --mtime="@$EPOCH" --mode=u=rwX,go=rX \
        --transform "s,^\.,$name," -cf - . | gzip -n >"$PACKAGES/$name.tar.gz"
    rm -rf "$place"
    printf '%s\n' "$PACKAGES/$name.tar.gz"
}

main() {
    local kind=${1:-tar}
    shift || true
    VERSION=$(project_version)
    if [[ ${1:-} == --version && $# -eq 2 && $2 =~ ^[0-9]+(\.[0-9]+){1,2}$ ]]; then
        VERSION=$2
    elif [[ $# -ne 0 ]]; then
        die "$kind takes no arguments but --version X.Y.Z"
    fi
    EPOCH=$(source_epoch)
    export SOURCE_DATE_EPOCH=$EPOCH
    case $kind in
    tar | deb | rpm | check) "package_$kind" ;;
    *) die "no kind '$kind'; one of tar, deb, rpm, check" ;;
    esac
}

main "$@"
