# What tests/abi/check and tests/abi/record share. Sourced; wants $src and a scratch directory $tmp.
# shellcheck shell=sh disable=SC2154

# Debian's own python3, whatever comes first in PATH.
PYTHON=/usr/bin/python3

# describe HEADERS NAME: the ABI that a directory of headers describes, as $tmp/NAME.so.
describe() {
    mkdir -p "$tmp/$2"
    $PYTHON -B "$src/tests/abi/describe.py" "$1/mansio" >"$tmp/$2/abi.c" &&
        (cd "$tmp/$2" && ${CC:-cc} -g -O0 -fPIC -shared -I"$1" -o ../"$2.so" abi.c)
}

# write_record NAME FILE
write_record() {
    abidw --no-show-locs --no-comp-dir-path --no-corpus-path --out-file "$2" "$tmp/$1.so"
}
