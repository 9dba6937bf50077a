/*
 * Replies, byte for byte, and within the lengths that RFC 2449 4 and RFC 1939 7 set.
 */
#include "core/base/testing.h"

#include "reply.h"
#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

static void words_replies(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    (void)state;
    pop3_reply_done(out);
    pop3_reply_ok(out, "%d messages", 3);
    pop3_reply_err(out, POP3_CODE_NONE, "no");
    pop3_reply_err(out, POP3_CODE_IN_USE, "a\r\nb\x7f");
    pop3_reply_err(out, POP3_CODE_SYS_TEMP, "c");
    pop3_reply_err(out, POP3_CODE_SYS_PERM, "d");
    pop3_reply_err(out, POP3_CODE_AUTH, "e");
    pop3_reply_err(out, 99, "f");
    pop3_reply_size(out, 1, UINT64_C(5000000000));
    pop3_reply_uid(out, 2, 4294967295u, 4294967294u);
    pop3_reply_challenge(out, MANSIO_STR_NONE);
    pop3_reply_challenge(out, MANSIO_STR("YWJj"));
    pop3_reply_end(out);
    core_test_str(mansio_buf_str(out), "+OK\r\n"
                                       "+OK 3 messages\r\n"
                                       "-ERR no\r\n"
                                       "-ERR [IN-USE] a??b?\r\n"
                                       "-ERR [SYS/TEMP] c\r\n"
                                       "-ERR [SYS/PERM] d\r\n"
                                       "-ERR [AUTH] e\r\n"
                                       "-ERR f\r\n"
                                       "1 5000000000\r\n"
                                       "2 4294967295.4294967294\r\n"
                                       "+ \r\n"
                                       "+ YWJj\r\n"
                                       ".\r\n");
    mansio_arena_free(arena);
}

static void status_lines_stay_under_512_octets(void **state)
{
    char text[2000];
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    pop3_reply_err(out, POP3_CODE_SYS_PERM, text);
    assert_true(mansio_buf_str(out).len <= 512);
    assert_true(mansio_str_ends(mansio_buf_str(out), MANSIO_STR("x\r\n")));
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_replies),
        cmocka_unit_test(status_lines_stay_under_512_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
