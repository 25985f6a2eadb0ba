# Completion of ssdfs for bash. The words come from the program's own help, so they are those of the
# version that is installed.

# The names of all commands, one a line.
_ssdfs_commands() {
  "$1" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p'
}

# The options of a command (given as words), or of the servers without one.
_ssdfs_options() {
  local program=$1
  shift
  if (($#)); then set -- "$@" --help; else set -- --role=all --help; fi
  "$program" "$@" 2>/dev/null | grep -oE '^ +(-[A-Za-z], )?--[a-z][a-z-]*' | grep -oE -e '--[a-z-]+'
}

# The words that an option takes: those of "--sync none|interval|always" in the help.
_ssdfs_choices() {
  local program=$1 option=$2
  shift 2
  if (($#)); then set -- "$@" --help; else set -- --role=all --help; fi
  "$program" "$@" 2>/dev/null | sed -nE "s/^ +(-[A-Za-z], )?$option ([a-z]+(\\|[a-z]+)+)( .*)?\$/\\2/p" | tr '|' '\n'
}

# Names below a directory of the store; directories end in a slash.
_ssdfs_paths() {
  local program=$1 word=$2 parent
  parent=${word%/*}/
  timeout 3 "$program" ls -d "$parent" >/dev/null 2>&1 || return 0
  timeout 3 "$program" ls --json "$parent" 2>/dev/null |
    sed -n 's/.*"path":"\([^"]*\)".*"type":"\([a-z]*\)".*/\2 \1/p' |
    sed -e 's/^directory \(.*\)/\1\//' -e 's/^[a-z]* //'
}

_ssdfs() {
  local program=${COMP_WORDS[0]} current previous commands word
  local -a words=() found=()
  current=${COMP_WORDS[COMP_CWORD]}
  previous=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # "--role=master" comes as three words.
  if [[ $current == '=' ]]; then current=''; fi
  if [[ $previous == '=' ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi

  case $previous in
    --role) mapfile -t COMPREPLY < <(compgen -W 'master backup datanode all' -- "$current"); return ;;
    --config | --ready-file | --url-secret | --data-dir)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
  esac

  commands=$(_ssdfs_commands "$program")
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* || $word == '=' ]] || words+=("$word")
  done
  # A server has no command.
  if [[ " ${COMP_WORDS[*]} " == *' --role'[\ =]* ]]; then words=(); fi

  # The command: one word, or two ("admin report").
  local name=${words[0]-} rest
  if [[ -n $name ]] && grep -qx -- "$name ${words[1]-}" <<<"$commands"; then
    name="$name ${words[1]}"
  elif [[ -n $name ]] && ! grep -qx -- "$name" <<<"$commands"; then
    rest=$(sed -n "s/^$name //p" <<<"$commands")
    mapfile -t COMPREPLY < <(compgen -W "$rest" -- "$current")
    return
  fi

  if [[ $previous == --[a-z]* ]]; then
    # shellcheck disable=SC2086 # a name is one or two words
    rest=$(_ssdfs_choices "$program" "$previous" $name)
    if [[ -n $rest ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$rest" -- "$current")
      return
    fi
  fi
  if [[ $current == -* ]]; then
    # shellcheck disable=SC2086 # a name is one or two words
    mapfile -t COMPREPLY < <(compgen -W "$(_ssdfs_options "$program" $name)" -- "$current")
  elif [[ -z $name ]]; then
    if [[ ${COMP_WORDS[*]} != *--role* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$(cut -d' ' -f1 <<<"$commands" | sort -u)" -- "$current")
    fi
  else
    case $name in
      edits\ * | volume\ * | image\ *) found=() ;;
      *) [[ $current != /* ]] || mapfile -t found < <(_ssdfs_paths "$program" "$current") ;;
    esac
    compopt -o filenames 2>/dev/null
    for word in "${found[@]}"; do
      [[ $word != "$current"* ]] || COMPREPLY+=("$word")
    done
    # What is in a directory may follow.
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == */ ]]; then compopt -o nospace 2>/dev/null; fi
    # Commands that take local files, too.
    case $name in
      put | get | verify | edits\ * | volume\ * | image\ *)
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
        ;;
    esac
  fi
}
complete -F _ssdfs ssdfs
