# The stages of tests/run: each a function that works in its own directory, $RUN/NAME, with its
# output in $RUN/NAME.log. Sourced, not run.
# shellcheck shell=bash

PYTHON=/usr/bin/python3 # Debian's own, whatever comes first in PATH
export PYTHONDONTWRITEBYTECODE=1

# The order in which stages begin, two beside each other (tests/run).
plan() {
    printf '%s\n' autogen gcc asan e2e clang fuzz-build e2e-asan fuzz lint abi
    if [ "$1" = 1 ]; then
        printf '%s\n' distcheck valgrind e2e-long fuzz-long fuzz-proof \
            analyze-gcc analyze-clang cppcheck clang-tests
    fi
}

# What a stage builds on.
needs() {
    case $1 in
    autogen | lint) ;;
    e2e | abi | valgrind | e2e-long) echo autogen gcc ;;
    e2e-asan) echo autogen asan ;;
    fuzz | fuzz-long | fuzz-proof) echo autogen fuzz-build ;;
    cppcheck | analyze-clang) echo autogen gcc ;;
    *) echo autogen ;;
    esac
}

stage_autogen() {
    cd "$RUN/src" && ./autogen.sh
}

# build NAME OPTION...: configure and make in the current directory, to be installed in ./prefix.
build() {
    "$RUN/src/configure" --quiet --prefix="$PWD/prefix" --enable-werror "$@" &&
        make -j"$JOBS"
}

# check STAGE ARGUMENT...: unit tests; each result of each TAP stream counts.
check() {
    local stage=$1 rc=0
    shift
    make -k -j"$((JOBS + 1))" check "$@" || rc=$?
    # What failing programs said, where the tail of our log shows it; not what passed.
    if [ "$rc" != 0 ] && [ -f test-suite.log ]; then
        grep -vE '^(ok|PASS:) ' test-suite.log
    fi
    "$PYTHON" "$TOP/tests/lib/results.py" trs "$RUN/$stage" . || rc=1
    return "$rc"
}

# Tests that fail don't keep the end-to-end tests from running.
check_and_install() {
    local rc=0
    check "$@" || rc=$?
    make install >install.log 2>&1 || {
        rc=1
        tail -n 30 install.log
    }
    return "$rc"
}

stage_gcc() {
    build CC=gcc && check_and_install gcc
}

# What clang says of the product as it is shipped: its frames, what fortify sees. Tests it reads in
# the asan stage, which is clang's too.
stage_clang() {
    build CC=clang CFLAGS="-O1"
}

stage_clang_tests() {
    build CC=clang CFLAGS="-O1" && make -j"$JOBS" check TESTS=
}

# clang's runtime sees fibers, gcc's reports false errors with siglongjmp between stacks. Scripts that
# look at files, not at what is built, ran in the gcc stage; of the corpus it reads a share in pieces,
# that stage all.
stage_asan() {
    [ "$FULL" = 1 ] || export MANSIO_CORPUS_EACH=4
    export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=0
    export UBSAN_OPTIONS=print_stacktrace=1
    build CC=clang --enable-sanitize=address,undefined CFLAGS="-O1 -g" &&
        check_and_install asan LINTS=
}

# end_to_end STAGE BUILD ARGUMENT...: pytest over what BUILD has installed, a file a process and three
# at a time, since they wait much. tests/clients isn't for the sanitizers' build: what those could
# find there, tests/proto asks in a fraction of the time.
end_to_end() {
    local stage=$1 build=$2 rc=0
    shift 2
    export MANSIO_PREFIX="$RUN/$build/prefix" MANSIO_BUILDDIR="$RUN/$build"
    # CC and the sanitizer's flags are read from the build: modules must be built alike.
    "$PYTHON" -B -m pytest -p no:cacheprovider --color=no -ra --tb=short -n "$((JOBS + 1))" \
        --dist loadfile --junitxml="$RUN/$stage/junit.xml" --rootdir="$RUN/src/tests" "$@" "$RUN/src/tests/proto" ||
        rc=$?
    "$PYTHON" "$TOP/tests/lib/results.py" junit "$RUN/$stage" "$RUN/$stage/junit.xml" || rc=1
    return "$rc"
}

stage_e2e() {
    end_to_end e2e gcc "$RUN/src/tests/clients"
}

# Left out: what is about files and processes rather than about code that handles bytes.
stage_e2e_asan() {
    local tests="$RUN/src/tests/proto"
    end_to_end e2e-asan asan --ignore="$tests/test_balance.py" --ignore="$tests/test_build.py" \
        --ignore="$tests/test_lab.py" --ignore="$tests/test_settings.py" \
        --ignore="$tests/test_refusals.py" --ignore="$tests/test_ctl_directory.py" \
        --ignore="$tests/test_atomicity.py" --ignore="$tests/test_database_faults.py" \
        --ignore="$tests/test_isolation.py" --ignore="$tests/test_policy_ctl.py" \
        --ignore="$tests/test_policy_race.py" --ignore="$tests/test_timing.py"
}

stage_e2e_long() {
    end_to_end e2e-long gcc --long
}

stage_abi() {
    make -C "$RUN/gcc" check-abi
}

stage_fuzz_build() {
    local source targets=()
    for source in "$RUN"/src/tests/fuzz/*_fuzz.c; do
        targets+=("tests/fuzz/$(basename "$source" .c)")
    done
    "$RUN/src/configure" --quiet --enable-werror CC=clang --enable-fuzzing \
        --enable-sanitize=address,undefined CFLAGS="-O1 -g" &&
        make -j"$JOBS" "${targets[@]}"
}

# fuzz_each STAGE SECONDS: each target so long, one result each.
fuzz_each() {
    local source name rc=0 passed=0 failed=0
    for source in "$RUN"/src/tests/fuzz/*_fuzz.c; do
        name=$(basename "$source" _fuzz.c)
        if "$RUN/src/tests/fuzz/run" "$RUN/fuzz-build" "$2" "$name"; then
            passed=$((passed + 1))
        else
            tail -n 40 "$RUN/fuzz-build/tests/fuzz/$name.log"
            failed=$((failed + 1))
            rc=1
        fi
    done
    echo "$passed $failed 0" >"$RUN/$1.count"
    return "$rc"
}

# 60 seconds in all.
stage_fuzz() {
    local targets
    targets=$(find "$RUN/src/tests/fuzz" -name '*_fuzz.c' | wc -l)
    fuzz_each fuzz $(((60 + targets - 1) / targets))
}

stage_fuzz_long() {
    fuzz_each fuzz-long 60
}

# A planted bug is found, and the seeds reach the settings reader.
stage_fuzz_proof() {
    "$RUN/src/tests/fuzz/planted" "$RUN/fuzz-build" && "$RUN/src/tests/fuzz/coverage"
}

stage_lint() {
    "$PYTHON" -B "$RUN/src/tests/lib/lint.py" "$RUN/src" "$RUN/lint"
}

stage_distcheck() {
    rm -f mansio-*.tar.gz
    "$RUN/src/configure" --quiet --prefix="$PWD/prefix" CC=gcc &&
        make -j"$JOBS" distcheck DISTCHECK_CONFIGURE_FLAGS="--enable-werror CC=gcc" &&
        whole_tarball mansio-*.tar.gz
}

# whole_tarball FILE: what git knows of is in it, so that this runs from there too, and the
# quickstart.
whole_tarball() {
    [ -s "$RUN/files" ] || return 0 # we are a tarball ourselves
    local missing
    missing=$(comm -23 <(cd "$RUN/src" && xargs -0 ls -d <"$RUN/files" 2>/dev/null | sort) \
        <(tar -tf "$1" | sed 's,^[^/]*/,,' | sort)) || return 1
    [ -z "$missing" ] || {
        echo "not in the tarball:"
        echo "$missing"
        return 1
    }
}

# Unit tests under valgrind. Those that make their processes crash on purpose say so by name.
stage_valgrind() {
    local rc=0
    build CC=gcc CFLAGS="-O1 -g" && make -j"$JOBS" check TESTS= || return 1
    make -k check LOG_COMPILER="$RUN/src/tests/lib/valgrind-one" || rc=$?
    [ "$rc" != 0 ] && [ -f test-suite.log ] && cat test-suite.log
    "$PYTHON" "$TOP/tests/lib/results.py" trs "$RUN/valgrind" . || rc=1
    return "$rc"
}

# Two of its checks are left to clang's analyzer: gcc 12 looks at one file at a time and doesn't
# know that a function of another one that returned 0 has set its out parameter.
stage_analyze_gcc() {
    build CC=gcc CFLAGS="-O2 -g -fanalyzer -Wno-analyzer-null-dereference \
        -Wno-analyzer-use-of-uninitialized-value"
}

# The C files of the product, tests left out.
product_sources() {
    find "$RUN/src/core" "$RUN/src/modules" "$RUN/src/contrib/hello" -name '*.c' ! -name '*_test.c' | sort
}

# Left out, beside what is a matter of taste: what must follow an out parameter through another
# file to know that it is set (core.NullDereference and its kin; ASan and the fuzzers look for
# those), and valist, which clang 14 gets wrong on amd64.
stage_analyze_clang() {
    local checks='-*,bugprone-*,clang-analyzer-*' check
    for check in bugprone-easily-swappable-parameters bugprone-reserved-identifier \
        bugprone-assignment-in-if-condition bugprone-branch-clone bugprone-narrowing-conversions \
        bugprone-implicit-widening-of-multiplication-result bugprone-sizeof-expression \
        clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling \
        clang-analyzer-core.NullDereference clang-analyzer-core.NonNullParamChecker \
        clang-analyzer-core.uninitialized.* clang-analyzer-core.CallAndMessage \
        clang-analyzer-valist.Uninitialized; do
        checks+=",-$check"
    done
    product_sources | xargs -P "$JOBS" -n 4 clang-tidy --quiet --warnings-as-errors='*' \
        --checks="$checks" --extra-arg=-std=gnu17 --extra-arg=-D_GNU_SOURCE \
        --extra-arg=-I"$RUN/src/api" --extra-arg=-I"$RUN/src" --extra-arg=-I"$RUN/gcc" \
        --extra-arg=-I"$(pkg-config --variable=includedir libpq)" \
        --extra-arg=-DHAVE_CONFIG_H --extra-arg='-DMANSIO_CONFIG_FILE=""' \
        --extra-arg='-DMANSIO_CONTROL_SOCKET=""'
}

stage_cppcheck() {
    product_sources | xargs cppcheck -q -j "$JOBS" --std=c11 --language=c --error-exitcode=1 \
        --enable=warning,portability --inline-suppr --suppress=missingInclude \
        -D_GNU_SOURCE -D__GNUC__=12 -D__x86_64__ '-DElfW(type)=Elf64_##type' -I "$RUN/src/api" -I "$RUN/src" -I "$RUN/gcc"
}
