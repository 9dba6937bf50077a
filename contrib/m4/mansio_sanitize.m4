# MANSIO_SANITIZE: --enable-sanitize=address,undefined. Sets SANITIZE_CFLAGS and the conditional
# SANITIZE (tests that measure memory or need fortify look at it).
AC_DEFUN([MANSIO_SANITIZE], [
AC_ARG_ENABLE([sanitize],
    [AS_HELP_STRING([--enable-sanitize=LIST], [build with sanitizers: address,undefined])],
    [], [enable_sanitize=no])
SANITIZE_CFLAGS=
AS_IF([test "$enable_sanitize" != no], [
    AS_IF([test "$enable_sanitize" = yes], [enable_sanitize=address,undefined])
    AX_CHECK_LINK_FLAG([-fsanitize=$enable_sanitize],
        [SANITIZE_CFLAGS="-fsanitize=$enable_sanitize -fno-sanitize-recover=all"],
        [AC_MSG_ERROR([the compiler has no -fsanitize=$enable_sanitize])])
])
AC_SUBST([SANITIZE_CFLAGS])
AM_CONDITIONAL([SANITIZE], [test "$enable_sanitize" != no])
])
