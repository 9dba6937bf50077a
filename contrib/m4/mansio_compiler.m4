# MANSIO_COMPILER_FLAGS: warnings and hardening, each flag probed. Sets WARN_CFLAGS, HARDEN_CFLAGS,
# HARDEN_LDFLAGS, PIE_CFLAGS, PIE_LDFLAGS. --enable-werror makes warnings errors.
AC_DEFUN([MANSIO_COMPILER_FLAGS], [
AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [treat warnings as errors (CI does)])],
    [], [enable_werror=no])

AX_APPEND_COMPILE_FLAGS([-std=gnu17 -Wall -Wextra -Wshadow -Wstrict-prototypes dnl
    -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef dnl
    -Wimplicit-fallthrough], [WARN_CFLAGS])
AS_IF([test "$enable_werror" = yes], [AX_APPEND_COMPILE_FLAGS([-Werror], [WARN_CFLAGS])])

AS_IF([test -z "$enable_sanitize" || test "$enable_sanitize" = no], [
    AX_APPEND_COMPILE_FLAGS([-Wframe-larger-than=4096], [WARN_CFLAGS])
    # Debian's compilers may define it already; -U first keeps that quiet.
    AX_APPEND_COMPILE_FLAGS(["-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"], [HARDEN_CFLAGS], [-O2 -Werror])
])
AX_APPEND_COMPILE_FLAGS([-fvisibility=hidden -fstack-protector-strong -fstack-clash-protection dnl
    -ftrivial-auto-var-init=zero -fno-semantic-interposition -fno-omit-frame-pointer], [HARDEN_CFLAGS])
AX_APPEND_LINK_FLAGS([-Wl,-z,relro -Wl,-z,now], [HARDEN_LDFLAGS])
AX_APPEND_COMPILE_FLAGS([-fPIE], [PIE_CFLAGS])
AX_APPEND_LINK_FLAGS([-pie], [PIE_LDFLAGS])
AC_SUBST([WARN_CFLAGS])
AC_SUBST([HARDEN_CFLAGS])
AC_SUBST([HARDEN_LDFLAGS])
AC_SUBST([PIE_CFLAGS])
AC_SUBST([PIE_LDFLAGS])
])
