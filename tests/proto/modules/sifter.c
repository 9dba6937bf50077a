/*
 * sifter: a filter for tests. Each thing that it can say, it says when a message asks for it: the
 * greeting "reject.test"; the sender "reject@..."; the recipient's detail "+rcpt-reject" and, at
 * delivery, "+plan-reject"; the field "X-Sifter: reject". Likewise "defer", "discard", "fail".
 */
#include <mansio/error.h>
#include <mansio/filter.h>
#include <mansio/interface.h>
#include <mansio/str.h>

static const char *const words[] = {"next", "accept", "reject", "defer", "discard", "fail", NULL};

static const struct mansio_setting sifter_settings[] = {
    MANSIO_SETTING(.name = "connect", .type = MANSIO_SETTING_CHOICE, .choices = words,
                   .default_text = "next", .help = "What is said to everybody"),
};

/* A word as a verdict, and a reply with it. */
static int say(const struct mansio_filter_subject *subject, struct mansio_str word)
{
    if (mansio_str_eq(word, MANSIO_STR("accept"))) {
        return MANSIO_VERDICT_ACCEPT;
    }
    if (mansio_str_eq(word, MANSIO_STR("reject"))) {
        mansio_buf_printf(subject->reply, "551 5.7.2 sifted out");
        return MANSIO_VERDICT_REJECT;
    }
    if (mansio_str_eq(word, MANSIO_STR("rude"))) { /* no words, and one that lies */
        mansio_buf_printf(subject->reply, "250 2.0.0 fine\r\n250 fine");
        return MANSIO_VERDICT_REJECT;
    }
    if (mansio_str_eq(word, MANSIO_STR("defer"))) {
        mansio_buf_printf(subject->reply, "450 4.7.2 sift later");
        return MANSIO_VERDICT_DEFER;
    }
    if (mansio_str_eq(word, MANSIO_STR("discard"))) {
        return MANSIO_VERDICT_DISCARD;
    }
    if (mansio_str_eq(word, MANSIO_STR("fail"))) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "as asked for");
    }
    return MANSIO_VERDICT_NEXT;
}

static int look_at_message(const struct mansio_filter_subject *subject)
{
    static const char *const said[] = {"reject", "rude", "defer", "discard", "fail"};

    for (size_t i = 0; i < MANSIO_COUNT(said); i++) {
        struct mansio_str word = mansio_str_from_cstr(said[i]);
        if (mansio_content_has_field(subject->content, MANSIO_STR("X-Sifter"), word)) {
            return say(subject, word);
        }
    }
    if (mansio_content_has_field(subject->content, MANSIO_STR("X-Sifter"), MANSIO_STR("prefix"))) {
        mansio_buf_printf(subject->prefix, "X-Sifted: yes\r\n\tand well\r\n");
    }
    if (mansio_content_has_field(subject->content, MANSIO_STR("X-Sifter"), MANSIO_STR("smuggle"))) {
        mansio_buf_printf(subject->prefix, "X-Sifted: yes\r\n\r\nnot a header\r\n");
    }
    return MANSIO_VERDICT_NEXT;
}

/* Shape the recipient's entries. */
static int shape(const struct mansio_filter_subject *subject, struct mansio_str detail)
{
    for (size_t i = 0; i < mansio_plan_count(subject->plan); i++) {
        struct mansio_plan_entry entry = *mansio_plan_entry(subject->plan, i);
        if (entry.recipient != subject->recipient) {
            continue;
        }
        if (mansio_str_eq(detail, MANSIO_STR("junk"))) {
            entry.action = MANSIO_PLAN_QUARANTINE;
        } else if (mansio_str_eq(detail, MANSIO_STR("folder"))) {
            entry.collection = MANSIO_STR("Folder");
            entry.is_creating = 1;
        } else if (mansio_str_eq(detail, MANSIO_STR("entry-reject"))) {
            entry.action = MANSIO_PLAN_REJECT;
            entry.reply = MANSIO_STR("550 5.7.3 by its entry");
        } else if (mansio_str_eq(detail, MANSIO_STR("copy"))) {
            entry.collection = MANSIO_STR("Copy");
            int rc = mansio_plan_add(subject->plan, &entry);
            return rc < 0 ? rc : MANSIO_VERDICT_NEXT;
        }
        int rc = mansio_plan_change(subject->plan, i, &entry);
        if (rc < 0) {
            return rc;
        }
    }
    return mansio_str_starts(detail, MANSIO_STR("plan-"))
               ? say(subject, mansio_str_sub(detail, 5, SIZE_MAX))
               : MANSIO_VERDICT_NEXT;
}

static int look(struct mansio_instance *instance, uint32_t stage,
                const struct mansio_filter_subject *subject, int64_t deadline_us)
{
    struct mansio_str detail = MANSIO_STR_NONE;
    struct mansio_str word = MANSIO_STR_NONE;
    struct mansio_str rest = MANSIO_STR_NONE;

    (void)deadline_us;
    switch (stage) {
    case MANSIO_STAGE_CONNECT:
        return say(subject, mansio_settings_str(mansio_instance_settings(instance), "connect"));
    case MANSIO_STAGE_GREETING:
        rest = subject->greeting;
        return mansio_str_split(&rest, '.', &word) ? say(subject, word) : MANSIO_VERDICT_NEXT;
    case MANSIO_STAGE_SENDER:
        rest = subject->reverse_path;
        return mansio_str_split(&rest, '@', &word) ? say(subject, word) : MANSIO_VERDICT_NEXT;
    case MANSIO_STAGE_RECIPIENT:
        detail = mansio_recipient_detail(subject->recipients[subject->recipient_count - 1]);
        return mansio_str_starts(detail, MANSIO_STR("rcpt-"))
                   ? say(subject, mansio_str_sub(detail, 5, SIZE_MAX))
                   : MANSIO_VERDICT_NEXT;
    case MANSIO_STAGE_MESSAGE:
        return look_at_message(subject);
    case MANSIO_STAGE_DELIVERY:
        return shape(subject, mansio_recipient_detail(subject->recipients[subject->recipient]));
    default:
        return MANSIO_VERDICT_NEXT;
    }
}

static const struct mansio_filter filter = {
    .size = sizeof filter,
    .stages = 1u << MANSIO_STAGE_CONNECT | 1u << MANSIO_STAGE_GREETING | 1u << MANSIO_STAGE_SENDER |
              1u << MANSIO_STAGE_RECIPIENT | 1u << MANSIO_STAGE_MESSAGE |
              1u << MANSIO_STAGE_DELIVERY,
    .look = look,
};

static int load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_FILTER, MANSIO_FILTER_VERSION, &filter);
}

MANSIO_MODULE("sifter", "1.0", "", .summary = "Says of mail what mail asks for.",
              .settings = sifter_settings, .setting_count = MANSIO_COUNT(sifter_settings),
              .load = load);
