# bash completion for mansioctl; made by `mansioctl completion bash`.
_mansioctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} line
    COMPREPLY=()
    case $previous in
    --socket | --config)
        while IFS= read -r line; do COMPREPLY+=("$line"); done \
            < <(compgen -f -- "$current")
        return
        ;;
    esac
    while IFS= read -r line; do COMPREPLY+=("$line"); done \
        < <("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _mansioctl mansioctl
