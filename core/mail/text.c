/*
 * Decoded text: see text.h.
 */
#include "core/mail/text.h"

enum {
    /* The buffer takes one piece past the limit, converted, so that the cut is where the limit is
       and not where a piece was. No charset makes more than 8 bytes of one. */
    GIVE_BYTES = 4096, /* given away at once */
    SLACK_BYTES = 8 * (CORE_MAIL_TEXT_PIECE_BYTES + CORE_MAIL_DECODE_EXTRA),
};

static int is_full(const struct core_mail_text *text)
{
    return mansio_buf_str(text->out).len >= text->limit;
}

static void close_charset(void *arg)
{
    core_mail_charset_close(arg);
}

void core_mail_text_init(struct core_mail_text *text, struct mansio_arena *arena,
                         size_t limit_bytes)
{
    *text = (struct core_mail_text){.out = NULL};
    if (limit_bytes > 0) {
        text->limit = limit_bytes;
        text->out = mansio_buf_new(arena, limit_bytes + SLACK_BYTES);
        mansio_arena_defer(arena, close_charset, &text->charset);
    }
}

void core_mail_text_give(struct core_mail_text *text, core_mail_text_fn take, void *arg)
{
    text->take = take;
    text->take_arg = arg;
}

/* What is there goes to who takes it, once it is worth it. */
static void give(struct core_mail_text *text, size_t at_least, int is_end)
{
    struct mansio_str held = mansio_buf_str(text->out);

    if (text->take != NULL && held.len >= at_least) {
        text->take(text->take_arg, held, is_end);
        mansio_buf_reset(text->out);
    }
}

void core_mail_text_begin(struct core_mail_text *text, const struct core_mail_part *part)
{
    const struct core_mail_param *charset;

    core_mail_text_end(text);
    if (text->out == NULL || !core_mail_part_is(part, MANSIO_STR("text"), MANSIO_STR_NONE)) {
        return;
    }
    if (is_full(text)) {
        text->is_cut = 1;
        return;
    }
    charset = core_mail_param_find(part->type.first, MANSIO_STR("charset"));
    core_mail_decoder_init(&text->decoder, core_mail_encoding_of(part->encoding));
    (void)core_mail_charset_open(&text->charset,
                                 charset != NULL ? charset->value : MANSIO_STR_NONE);
    text->is_open = 1;
}

void core_mail_text_add(struct core_mail_text *text, struct mansio_str bytes)
{
    if (!text->is_open) {
        return;
    }
    while (bytes.len > 0 && !is_full(text)) {
        struct mansio_str some = mansio_str_sub(bytes, 0, CORE_MAIL_TEXT_PIECE_BYTES);
        struct mansio_str decoded = some;

        if (text->decoder.encoding != CORE_MAIL_IDENTITY) {
            size_t length = core_mail_decode(&text->decoder, some, text->piece);
            decoded = (struct mansio_str){text->piece, length};
        }
        core_mail_charset_feed(&text->charset, decoded, text->out);
        bytes = mansio_str_sub(bytes, some.len, SIZE_MAX);
        give(text, GIVE_BYTES, 0);
    }
    text->is_cut |= is_full(text);
}

void core_mail_text_end(struct core_mail_text *text)
{
    char piece[CORE_MAIL_DECODE_EXTRA];

    if (!text->is_open) {
        return;
    }
    if (!is_full(text)) {
        struct mansio_str last = {piece, core_mail_decode_end(&text->decoder, piece)};

        core_mail_charset_feed(&text->charset, last, text->out);
        core_mail_charset_flush(&text->charset, text->out);
        (void)mansio_buf_add_char(text->out, '\n');
    }
    give(text, 0, 1);
    core_mail_charset_close(&text->charset);
    text->is_open = 0;
}

struct mansio_str core_mail_text_str(const struct core_mail_text *text)
{
    struct mansio_str all = text->out != NULL ? mansio_buf_str(text->out) : MANSIO_STR_NONE;
    struct mansio_str cut = mansio_str_sub(all, 0, text->limit);

    /* Only if a byte was cut off can it be one that goes on with a character. */
    while (cut.len < all.len && cut.len > 0 && ((unsigned char)all.ptr[cut.len] & 0xC0) == 0x80) {
        cut.len--;
    }
    return cut;
}
