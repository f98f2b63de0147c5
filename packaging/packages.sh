# shellcheck shell=bash
# packages.sh - which packages a command of ./dev needs, what they are called here, and how they come. dev reads it.
#
# dependencies.tsv beside it says which. It must not need any of them: it runs first, on a bare system.
readonly DEPENDENCIES=packaging/dependencies.tsv
# Packages that bring a daemon: never started, and not left to start at the next boot either.
readonly SERVICES=(redis-server redis valkey-server nginx apache2 postgresql memcached mariadb-server)
# A line of progress at least this often where there is no terminal.
readonly PROGRESS_SECONDS=10

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

# ---- the table ----

# Lines "need <tab> names <tab> what for" of the groups, by the names of a distribution.
rows() {
    local distribution=$1
    shift
    awk -F'\t' -v OFS='\t' -v column="$distribution" -v groups="$*" '
        /^#/ { next }
        !at { for (i = 1; i <= NF; i++) if ($i == column) at = i; n = split(groups, wanted, " "); next }
        {
            names = $at == "=" ? $3 : $at
            if (names == "-") next
            for (i = 1; i <= n; i++)
                if (index("," $1 ",", "," wanted[i] ",") && !seen[names]++)
                    print $2, names, $6
        }' "$DEPENDENCIES"
}

table_groups() {
    awk -F'\t' '!/^#/ && $1 != "groups" { gsub(",", "\n", $1); print $1 }' "$DEPENDENCIES" | sort -u
}

# The distribution that names are of, and whether ./dev installs there.
distribution() {
    local ID='' ID_LIKE=''
    # shellcheck source=/dev/null
    [[ ! -r /etc/os-release ]] || source /etc/os-release
    case " $ID $ID_LIKE " in
    *' ubuntu '*) echo ubuntu ;;
    *' debian '*) echo debian ;;
    *' fedora '*) echo fedora ;;
    *) echo debian ;;
    esac
}

release_name() {
    local PRETTY_NAME='this system'
    # shellcheck source=/dev/null
    [[ ! -r /etc/os-release ]] || source /etc/os-release
    echo "$PRETTY_NAME"
}

# ---- what the release has ----

declare -A installed=() candidate=() short_version=()

# Fills installed and candidate for the names.
look_up() {
    local name state key value
    installed=() candidate=()
    while read -r name state; do
        [[ $state != installed ]] || installed[$name]=1
    done < <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null)
    while read -r key value; do
        case $key in
        Candidate:) [[ $value == '(none)' ]] || candidate[$name]=$value ;;
        Installed: | Version) ;;
        *:) [[ -n $value ]] || name=${key%:} ;;
        esac
    done < <(LC_ALL=C apt-cache policy "$@" 2>/dev/null)
}

# <X> in names, by the versions that the release has.
read_versions() {
    local name value
    mapfile -t names_in_versions < <(sed -n 's/.*<\([a-z0-9.+-]*\)>.*/\1/p' "$DEPENDENCIES" | grep -v '^X$' | sort -u)
    look_up "${names_in_versions[@]}"
    for name in "${names_in_versions[@]}"; do
        value=${candidate[$name]:-}
        [[ ! ${value#*:} =~ ^[0-9]+(\.[0-9]+)? ]] || short_version[$name]=${BASH_REMATCH[0]}
    done
}

# The names of a row, one a line, without those of a version that nobody knows.
alternatives() {
    local name of
    for name in ${1//\// }; do
        if [[ $name =~ \<(.*)\> ]]; then
            of=${short_version[${BASH_REMATCH[1]}]:-}
            [[ -n $of ]] || continue
            name=${name/<*>/$of}
        fi
        printf '%s\n' "$name"
    done
}

# Decides for the rows of the groups: chosen (what is there, or is to be), required and optional (of these, what is
# still to be installed), lacking and absent (rows of which the release has nothing: what must be there, and what need
# not). what_for says of each what it is for.
decide() {
    local -a row_need=() row_names=() row_for=() all=()
    local i name need names what found
    chosen=() required=() optional=() lacking=() absent=() unfit=()
    declare -gA what_for=()
    read_versions
    while IFS=$'\t' read -r need names what; do
        row_need+=("$need") row_names+=("$names") row_for+=("$what")
        mapfile -t -O "${#all[@]}" all < <(alternatives "$names")
    done < <(rows "$(distribution)" "$@")
    look_up "${all[@]}"
    for i in "${!row_names[@]}"; do
        found=''
        for name in $(alternatives "${row_names[i]}"); do
            if [[ -n ${installed[$name]:-} ]]; then
                found=$name
                break
            elif [[ -n ${candidate[$name]:-} && -z $found ]]; then
                found=$name
            fi
        done
        what_for[${found:-${row_names[i]}}]=${row_for[i]}
        if [[ -z $found && ${row_need[i]} == required ]]; then
            lacking+=("${row_names[i]}")
        elif [[ -z $found ]]; then
            absent+=("${row_names[i]}")
        else
            chosen+=("$found")
            if [[ -z ${installed[$found]:-} && ${row_need[i]} == required ]]; then
                required+=("$found")
            elif [[ -z ${installed[$found]:-} ]]; then
                optional+=("$found")
            fi
        fi
    done
}

have_lists() {
    compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null
}

# ---- installing ----

# Maintainer scripts ask policy-rc.d before they start a daemon; one that exists already is the host's
# own decision and stays.
readonly POLICY=/usr/sbin/policy-rc.d
policy_made=0

drop_policy() {
    if [[ $policy_made -eq 1 ]]; then
        as_root rm -f "$POLICY"
        policy_made=0
    fi
}

hold_services() {
    if [[ ! -e $POLICY ]]; then
        policy_made=1
        trap drop_policy EXIT
        trap 'exit 130' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
        as_root chmod 755 "$POLICY"
    fi
}

disable_new_services() {
    local service
    [[ -d /run/systemd/system ]] || return 0
    for service in "${SERVICES[@]}"; do
        if [[ " $* " == *" $service "* ]]; then
            as_root systemctl --quiet disable "${service/mariadb-server/mariadb}" || true
        fi
    done
}

# Reads the status lines of apt-get: on a terminal one line that moves, elsewhere one at each tenth or after
# some seconds.
show_progress() {
    local line step percent tenth before='' last=$SECONDS moving=0
    while IFS= read -r line; do
        case $line in
        dlstatus:*) step=fetching ;;
        pmstatus:*) step=installing ;;
        *) continue ;;
        esac
        IFS=: read -r _ _ percent line <<<"$line"
        percent=${percent%%.*}
        [[ $percent =~ ^[0-9]+$ ]] || continue
        tenth=$step$((percent / 10))
        if [[ -t 2 ]]; then
            line="dev: $step $percent%: $line"
            printf '\r\e[K%s' "${line:0:78}" >&2
            moving=1
        elif [[ $tenth != "$before" ]] || ((SECONDS - last >= PROGRESS_SECONDS)); then
            printf 'dev: %s %s%%: %s\n' "$step" "$percent" "$line" >&2
            last=$SECONDS before=$tenth
        fi
    done
    [[ $moving -eq 0 ]] || printf '\r\e[K' >&2
}

# The status lines have a descriptor of their own, opened behind sudo, which would close it. What maintainer scripts say
# goes into a file, and is shown where they fail: in sid some cannot write to a pipe that they share with apt.
apt() {
    local folder status=0
    folder=$(mktemp -d)
    # shellcheck disable=SC2016 # the shell that root runs expands it
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l LC_ALL=C sh -c \
        'log=$1; shift; exec apt-get "$@" 3>&1 >"$log" 2>&1' apt "$folder/log" -qq -o DPkg::Lock::Timeout=600 \
        -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -o APT::Status-Fd=3 "$@" </dev/null | show_progress || status=$?
    [[ $status -eq 0 ]] || tail -n 20 "$folder/log" >&2
    as_root rm -rf "$folder"
    return "$status"
}

# Another package tool may hold the lists for a moment, which apt-get does not wait for.
update_lists() {
    local attempt
    say "dev: reading the lists of packages"
    for attempt in 1 2 3 4 5; do
        if apt update; then
            return 0
        fi
        say "dev: apt-get update failed (attempt $attempt of 5)"
        sleep 3
    done
    say "dev: going on with the package lists that are there"
}

# Moves from optional to unfit what apt cannot install beside the rest: in a release that moves, some package often
# waits for another.
drop_uninstallable() {
    local name kept=()
    for name in "${optional[@]}"; do
        if apt install -s --no-install-recommends "${required[@]}" "${kept[@]}" "$name" 2>/dev/null; then
            kept+=("$name")
        else
            unfit+=("$name")
        fi
    done
    optional=("${kept[@]}")
}

install_packages() {
    local names=("${required[@]}" "${optional[@]}")
    say "dev: installing ${names[*]}"
    if apt install -y --no-install-recommends "${names[@]}"; then
        return 0
    fi
    [[ ${#optional[@]} -gt 0 ]] || return 1
    say "dev: trying without those that cannot be had"
    drop_uninstallable
    names=("${required[@]}" "${optional[@]}")
    [[ ${#names[@]} -eq 0 ]] || apt install -y --no-install-recommends "${names[@]}"
}

# apt has failed: with what is optional alone, ./dev can go on.
accept_installed() {
    decide "$@"
    [[ ${#required[@]} -eq 0 ]] || die "could not install: ${required[*]}"
    unfit=("${optional[@]}")
}

say_left_out() {
    local name
    for name in "${absent[@]}"; do
        say "dev: left out: ${what_for[$name]} ($(release_name) has no ${name/<*>/N})"
    done
    for name in "${unfit[@]}"; do
        say "dev: left out: ${what_for[$name]} ($name cannot be installed now)"
    done
}

# need GROUP...: everything of these groups, where it is not there yet.
need() {
    local wanted new
    if ! command -v dpkg-query >/dev/null; then
        say "dev: not a Debian system, so nothing is installed; needed, by the names of $(distribution):" \
            "$(rows "$(distribution)" "$@" | cut -f 2 | paste -s -d , | sed 's/,/, /g')"
        return 0
    fi
    decide "$@"
    wanted=$((${#required[@]} + ${#optional[@]} + ${#lacking[@]}))
    if [[ $wanted -gt 0 ]] || { [[ ${#absent[@]} -gt 0 ]] && ! have_lists; }; then
        if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
            [[ $((${#required[@]} + ${#lacking[@]})) -eq 0 ]] ||
                die "these packages are missing, and installing them takes root or sudo: ${required[*]} ${lacking[*]}"
            say "dev: not installed, which takes root or sudo: ${optional[*]}"
            return 0
        fi
        hold_services
        update_lists
        decide "$@"
        [[ ${#lacking[@]} -eq 0 ]] ||
            die "$(release_name) has no package $(printf '%s; ' "${lacking[@]}" | sed 's/; $//')"
        if [[ $((${#required[@]} + ${#optional[@]})) -gt 0 ]]; then
            new=("${required[@]}" "${optional[@]}")
            install_packages || accept_installed "$@"
            disable_new_services "${new[@]}"
        fi
        drop_policy
    fi
    say_left_out
}

# ---- on paper ----

# list_packages DISTRIBUTION GROUP...: what the table says of it; with "here", what is chosen on this system.
list_packages() {
    local of=$1 need names what name
    shift
    case $of in
    here)
        command -v dpkg-query >/dev/null || { list_packages "$(distribution)" "$@" && return; }
        decide "$@"
        say "dev: on $(release_name)"
        for name in "${chosen[@]}"; do
            printf '%-32s %-10s %s\n' "$name" "$([[ -n ${installed[$name]:-} ]] && echo installed || echo missing)" \
                "${what_for[$name]}"
        done
        for name in "${lacking[@]}" "${absent[@]}"; do
            printf '%-32s %-10s %s\n' "${name/<*>/N}" "no such" "${what_for[$name]}"
        done
        return
        ;;
    debian) say "dev: Debian: 12, 13 and sid are tested (docs/compatibility.md)" ;;
    ubuntu) say "dev: Ubuntu 22.04 and 24.04, on paper: not run there; 22.04's cmake (3.22) is too old to build with" ;;
    fedora) say "dev: Fedora, on paper: not run there, and ./dev installs nothing there" ;;
    *) die "deps: no names for '$of': debian, ubuntu or fedora" ;;
    esac
    while IFS=$'\t' read -r need names what; do
        if [[ $names =~ (.*)\<(.*)\>(.*) ]]; then
            names="${BASH_REMATCH[1]}N${BASH_REMATCH[3]} (N: the version of ${BASH_REMATCH[2]})"
        fi
        printf '%-54s %-10s %s\n' "$names" "$need" "$what"
    done < <(rows "$of" "$@")
}
