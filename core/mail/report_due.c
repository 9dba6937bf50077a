/*
 * When a sender is to be told what became of a message: the rules of RFC 3461, apart from how the
 * report looks (report.c).
 */
#include <mansio/report.h>
#include <mansio/str.h>

/* The words of NOTIFY (RFC 3461 4.1). */
enum {
    NOTIFY_NEVER = 1,
    NOTIFY_SUCCESS = 2,
    NOTIFY_FAILURE = 4,
    NOTIFY_DELAY = 8,
};

static const struct {
    struct mansio_str word;
    uint32_t bit;
} WORDS[] = {
    {MANSIO_STR("NEVER"), NOTIFY_NEVER},
    {MANSIO_STR("SUCCESS"), NOTIFY_SUCCESS},
    {MANSIO_STR("FAILURE"), NOTIFY_FAILURE},
    {MANSIO_STR("DELAY"), NOTIFY_DELAY},
};

static uint32_t wishes(struct mansio_str notify)
{
    struct mansio_str word;
    uint32_t bits = 0;

    while (mansio_str_split(&notify, ',', &word)) {
        for (size_t i = 0; i < MANSIO_COUNT(WORDS); i++) {
            if (mansio_str_ieq(mansio_str_trim(word), WORDS[i].word)) {
                bits |= WORDS[i].bit;
            }
        }
    }
    /* RFC 3461 4.1: without a wish, what is usual: failure always, delay if we like. */
    return bits != 0 ? bits : NOTIFY_FAILURE | NOTIFY_DELAY;
}

int mansio_report_is_due(struct mansio_str notify, uint32_t action, struct mansio_str reverse_path)
{
    uint32_t wish = wishes(notify);
    uint32_t wanted;

    /* RFC 3461 6.1, RFC 5321 4.5.5: what came from nobody is reported to nobody. */
    if (reverse_path.len == 0 || (wish & NOTIFY_NEVER) != 0) {
        return 0;
    }
    switch (action) {
    case MANSIO_REPORT_FAILED:
        wanted = NOTIFY_FAILURE;
        break;
    case MANSIO_REPORT_DELAYED:
        wanted = NOTIFY_DELAY;
        break;
    case MANSIO_REPORT_DELIVERED:
    case MANSIO_REPORT_RELAYED:
    case MANSIO_REPORT_EXPANDED:
        wanted = NOTIFY_SUCCESS;
        break;
    default:
        wanted = 0;
        break;
    }
    return (wish & wanted) != 0;
}
