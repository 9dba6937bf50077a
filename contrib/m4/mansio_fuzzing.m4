# MANSIO_FUZZING: --enable-fuzzing builds the targets of tests/fuzz with libFuzzer (clang only).
# Without it the same targets are built with a replaying main and run over their corpora.
AC_DEFUN([MANSIO_FUZZING], [
AC_ARG_ENABLE([fuzzing],
    [AS_HELP_STRING([--enable-fuzzing], [build the fuzz targets with libFuzzer (clang)])],
    [], [enable_fuzzing=no])
FUZZ_CFLAGS=
FUZZ_LDFLAGS=
AS_IF([test "$enable_fuzzing" = yes], [
    AX_CHECK_COMPILE_FLAG([-fsanitize=fuzzer-no-link],
        [FUZZ_CFLAGS="-fsanitize=fuzzer-no-link"; FUZZ_LDFLAGS="-fsanitize=fuzzer"],
        [AC_MSG_ERROR([--enable-fuzzing needs clang with libFuzzer])])
])
AC_SUBST([FUZZ_CFLAGS])
AC_SUBST([FUZZ_LDFLAGS])
AM_CONDITIONAL([FUZZING], [test "$enable_fuzzing" = yes])
])
