# hakmemctl.bash - completion for bash; installed as bash-completion/completions/hakmemctl.
#
# It knows no command, option or tunable: `hakmemctl --options` lists them, and `hakmemctl --complete KIND`
# the processes there are at the moment.

# Candidates for the values of a kind, one a line.
_hakmemctl_values() {
    local kind=$1 directory=$2
    case $kind in
    pid | family | comm | unit | label)
        "${COMP_WORDS[0]}" --complete "$kind" ${directory:+"$directory"} 2>/dev/null | cut -f1
        ;;
    tunable) _hakmemctl_tunables '=' ;;
    user) compgen -u ;;
    form) echo pretty ;;
    esac
}

# Names of tunables, each with a text behind; per class ones up to the dot.
_hakmemctl_tunables() {
    local what name _
    while IFS=$'\t' read -r what name _; do
        if [[ $what == tunable ]]; then
            if [[ $name == *.SIZE ]]; then
                echo "${name%SIZE}"
            else
                echo "$name$1"
            fi
        fi
    done <<<"$listing"
}

# Words that a tunable takes, where it takes words.
_hakmemctl_choices() {
    local what name choices _
    while IFS=$'\t' read -r what name choices _; do
        if [[ $what == tunable && $name == "$1" && $choices != - ]]; then
            echo "${choices//,/$'\n'}"
        fi
    done <<<"$listing"
}

# The kind of an option's argument, "" where there is none to be waited for.
_hakmemctl_kind() {
    local command=$1 option=$2 sort=$3 what of name _ kind need _
    while IFS=$'\t' read -r what of name _ kind need _; do
        if [[ $what == option && $of == "$command" && $name == "$option" && $need == "$sort" ]]; then
            echo "$kind"
        fi
    done <<<"$listing"
}

# Fills COMPREPLY with those of some lines that begin with what is typed.
_hakmemctl_offer() {
    local typed=$1 line
    while IFS= read -r line; do
        if [[ -n $line && $line == "$typed"* ]]; then
            COMPREPLY+=("$(printf '%q' "$line")")
        fi
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && (${COMPREPLY[0]} == *= || ${COMPREPLY[0]} == *.) ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

_hakmemctl_offer_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_hakmemctl_argument() {
    local kind=$1 typed=$2
    case $kind in
    dir) _hakmemctl_offer_files -d "$typed" ;;
    file) _hakmemctl_offer_files -f "$typed" ;;
    tunable)
        if [[ $typed == *=* ]]; then
            _hakmemctl_offer "${typed#*=}" < <(_hakmemctl_choices "${typed%%=*}")
        else
            _hakmemctl_offer "$typed" < <(_hakmemctl_tunables '=')
        fi
        ;;
    *) _hakmemctl_offer "$typed" < <(_hakmemctl_values "$kind" "$directory") ;;
    esac
}

_hakmemctl_word() {
    local typed=$1 mark='='
    case $words_kind in
    pids) _hakmemctl_offer "$typed" < <(_hakmemctl_values pid "$directory") ;;
    stats) _hakmemctl_offer "$typed" < <(echo host; _hakmemctl_values pid "$directory") ;;
    units | enabled)
        _hakmemctl_offer "$typed" < <("${COMP_WORDS[0]}" --complete "$words_kind" ${whose:+"$whose"} 2>/dev/null)
        ;;
    tune)
        if [[ " ${words[*]} " == *" --get "* || " ${words[*]} " == *" --reset "* ]]; then
            mark=''
        fi
        if [[ $typed == *=* ]]; then
            _hakmemctl_argument tunable "$typed"
        else
            _hakmemctl_offer "$typed" < <(_hakmemctl_tunables "$mark"; _hakmemctl_values pid "$directory")
        fi
        ;;
    esac
}

# The words up to the cursor, with those put together again that readline takes apart at '='.
_hakmemctl_words() {
    local i word
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]} > 1)) && [[ $word == '=' || ${words[-1]} == *= ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
}

# Finds the command, and what is to be completed behind it.
_hakmemctl_scan() {
    local i last=$((${#words[@]} - 1)) what name kind _
    command=- words_kind=commands program=0
    for ((i = 1; i < last; i++)); do
        if [[ ${words[i]} == --runtime-dir ]]; then
            directory=${words[i + 1]}
        elif [[ ${words[i]} == --runtime-dir=* ]]; then
            directory=${words[i]#*=}
        elif [[ ${words[i]} == --user ]]; then
            whose=--user
        elif [[ ${words[i]} == --root ]]; then
            whose=${words[i + 1]}
        elif [[ ${words[i]} == --root=* ]]; then
            whose=${words[i]#*=}
        fi
        if [[ ${words[i]} == -- && $words_kind == program ]]; then
            program=$((i + 1))
            return
        elif [[ ${words[i]} == -* ]]; then
            [[ -n $(_hakmemctl_kind "$command" "${words[i]}" must) ]] && ((i++))
        elif [[ $words_kind == program ]]; then
            program=$i
            return
        elif [[ $command == - && ${words[i]} != help ]]; then
            command=${words[i]} words_kind=none
            while IFS=$'\t' read -r what name kind _; do
                [[ $what == command && $name == "$command" ]] && words_kind=$kind
            done <<<"$listing"
        fi
    done
}

_hakmemctl_program() {
    if ((${#words[@]} - 1 == program)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${words[-1]}")
    elif declare -F _command_offset >/dev/null; then
        _command_offset $((COMP_CWORD - (${#words[@]} - 1 - program)))
    else
        _hakmemctl_offer_files -f "${words[-1]}"
    fi
}

_hakmemctl() {
    local listing command words_kind program directory='' whose='' typed before kind
    local -a words
    COMPREPLY=()
    listing=$("${COMP_WORDS[0]}" --options 2>/dev/null) || return 0
    _hakmemctl_words
    _hakmemctl_scan
    typed=${words[-1]} before=${words[-2]}
    if ((program)); then
        _hakmemctl_program
        return 0
    fi
    kind=$(_hakmemctl_kind "$command" "$before" must)
    if [[ -n $kind ]]; then
        _hakmemctl_argument "$kind" "$typed"
    elif [[ $typed == --*=* ]]; then
        kind=$(_hakmemctl_kind "$command" "${typed%%=*}" must)$(_hakmemctl_kind "$command" "${typed%%=*}" may)
        _hakmemctl_argument "$kind" "${typed#*=}"
    elif [[ $typed == -* ]]; then
        _hakmemctl_offer "$typed" < <(awk -F '\t' -v of="$command" '$1 == "option" && $2 == of { print $3 }' \
            <<<"$listing")
    elif [[ $words_kind == commands ]]; then
        _hakmemctl_offer "$typed" < <(awk -F '\t' '$1 == "command" { print $2 }' <<<"$listing"; echo help)
    elif [[ $words_kind == program ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$typed")
    else
        _hakmemctl_word "$typed"
    fi
}

complete -F _hakmemctl hakmemctl
