/*
 * Address lists: see address.h.
 *
 * An entry is read as words until a byte says what they were: "@" the local part of a bare address,
 * "<" the display name before an angle address, ":" the name of a group.
 */
#include "core/mail/address.h"

#include "core/mail/chars.h"
#include "core/mail/cursor.h"

#include <mansio/error.h>

#include <string.h>

struct reading {
    struct mansio_arena *arena;
    struct core_mail_cursor cursor;
    struct core_mail_address_list *list;
    uint32_t max;
    int is_in_group;
    int is_cut;
    int is_behind; /* no comma since an angle address: words alone are nothing, an address counts */
    /* What the current entry has so far; emptied for each. */
    struct mansio_buf *phrase; /* words with a space where white space was */
    struct mansio_buf *local;  /* the same without spaces */
    struct mansio_buf *route;
    struct mansio_buf *domain;
    struct mansio_str comment;
    int has_phrase;
    int has_angle;
    int has_at;
    size_t name_length; /* of the phrase: words before a bare address */
    int has_junk;       /* words behind a bare address: it was a name if "<" follows */
};

/* ---- entries */

static int copy_or_none(struct mansio_arena *arena, int is_there, struct mansio_str s,
                        struct mansio_str *out)
{
    *out = MANSIO_STR_NONE;
    return is_there ? mansio_arena_copy(arena, s, out) : 0;
}

static int append(struct reading *r, const struct core_mail_address *model)
{
    struct core_mail_address *address;

    if (r->list->count >= r->max) {
        r->is_cut = 1;
        return 0;
    }
    address = mansio_arena_try_alloc(r->arena, sizeof *address);
    if (address == NULL) {
        return MANSIO_E_LIMIT;
    }
    *address = *model;
    if (r->list->last != NULL) {
        r->list->last->next = address;
    } else {
        r->list->first = address;
    }
    r->list->last = address;
    r->list->count++;
    return 0;
}

static void begin_entry(struct reading *r)
{
    mansio_buf_reset(r->phrase);
    mansio_buf_reset(r->local);
    mansio_buf_reset(r->route);
    mansio_buf_reset(r->domain);
    r->comment = MANSIO_STR_NONE;
    r->name_length = 0;
    r->has_phrase = r->has_angle = r->has_at = r->has_junk = 0;
}

/* The display name: the phrase before "<", words before a bare address, else a comment. */
static int name_of(struct reading *r, struct mansio_str *out)
{
    if (r->has_angle && r->has_phrase && mansio_buf_str(r->phrase).len > 0) {
        return mansio_arena_copy(r->arena, mansio_buf_str(r->phrase), out);
    }
    if (!r->has_angle && r->has_at && r->name_length > 0) {
        return mansio_arena_copy(r->arena,
                                 mansio_str_sub(mansio_buf_str(r->phrase), 0, r->name_length), out);
    }
    *out = MANSIO_STR_NONE;
    if (r->comment.len == 0) {
        return 0;
    }
    /* The phrase is not needed any more: its buffer serves. */
    mansio_buf_reset(r->phrase);
    core_mail_unquote(r->phrase, core_mail_trim(r->comment));
    return mansio_arena_copy(r->arena, mansio_buf_str(r->phrase), out);
}

static int end_mailbox(struct reading *r)
{
    struct core_mail_address address = {.kind = CORE_MAIL_MAILBOX};
    struct mansio_str local = mansio_buf_str(r->local);

    if (!r->has_angle && !r->has_at && (!r->has_phrase || r->is_behind)) {
        return 0;
    }
    if (r->list->count >= r->max) {
        r->is_cut = 1;
        return 0;
    }
    /* Words alone: they were no address, but they are what somebody wrote. */
    if (!r->has_angle && !r->has_at) {
        local = mansio_buf_str(r->phrase);
    }
    if (mansio_arena_copy(r->arena, local, &address.local) < 0 ||
        mansio_arena_copy(r->arena, mansio_buf_str(r->domain), &address.domain) < 0 ||
        copy_or_none(r->arena, mansio_buf_str(r->route).len > 0, mansio_buf_str(r->route),
                     &address.route) < 0 ||
        name_of(r, &address.name) < 0) {
        return MANSIO_E_LIMIT;
    }
    return append(r, &address);
}

static int begin_group(struct reading *r)
{
    struct core_mail_address address = {.kind = CORE_MAIL_GROUP_START};

    if (r->list->count >= r->max) {
        r->is_cut = 1;
        return 0;
    }
    if (mansio_arena_copy(r->arena, mansio_buf_str(r->phrase), &address.local) < 0) {
        return MANSIO_E_LIMIT;
    }
    r->is_in_group = 1;
    return append(r, &address);
}

static int end_group(struct reading *r)
{
    struct core_mail_address address = {.kind = CORE_MAIL_GROUP_END};

    if (!r->is_in_group) {
        return 0;
    }
    r->is_in_group = 0;
    /* A group that was begun is ended, even past the limit: readers count on the pair. */
    r->max = r->list->count >= r->max ? r->list->count + 1 : r->max;
    return append(r, &address);
}

/* ---- reading */

/* Append a run of ordinary bytes; at least one is passed, whatever it is. */
static void take_atom(struct reading *r, struct mansio_buf *out, struct mansio_buf *also)
{
    const char *from = r->cursor.at++;

    while (r->cursor.at < r->cursor.end && core_mail_is_atext(*from) &&
           core_mail_is_atext(*r->cursor.at)) {
        r->cursor.at++;
    }
    struct mansio_str atom = core_mail_between(from, r->cursor.at);

    if (atom.len == 1 && !core_mail_is_visible(*from)) {
        return; /* a control character belongs nowhere */
    }
    (void)mansio_buf_add(out, atom);
    if (also != NULL) {
        (void)mansio_buf_add(also, atom);
    }
}

/* A word of a phrase or local part: @p has_space tells that white space stood before it. */
static void take_word(struct reading *r, int has_space)
{
    struct mansio_str before = mansio_buf_str(r->phrase);

    if (has_space && before.len > 0) {
        /* "John Doe jd@x": words that no dot joins are no local part, but the last one may be. */
        if (!r->has_junk && before.ptr[before.len - 1] != '.' &&
            core_mail_peek(&r->cursor) != '.') {
            r->name_length = before.len;
            mansio_buf_reset(r->local);
        }
        (void)mansio_buf_add_char(r->phrase, ' ');
    }
    r->has_phrase = 1;
    if (core_mail_peek(&r->cursor) == '"') {
        struct mansio_str inside;

        (void)core_mail_skip_quoted(&r->cursor, &inside);
        core_mail_unquote(r->phrase, inside);
        if (!r->has_junk) {
            core_mail_unquote(r->local, inside);
        }
        return;
    }
    take_atom(r, r->phrase, r->has_junk ? NULL : r->local);
}

/* "[" ... "]" as it stands, without white space; one that is open is closed where it can't go on.
 */
static void take_literal(struct reading *r)
{
    while (!core_mail_at_end(&r->cursor)) {
        char c = *r->cursor.at;

        if (c == ']') {
            r->cursor.at++;
            break;
        }
        if (strchr("<>,;@()\"\\", c) != NULL && c != '\0') {
            break;
        }
        if (core_mail_is_visible(c)) {
            (void)mansio_buf_add_char(r->domain, c);
        }
        r->cursor.at++;
    }
    (void)mansio_buf_add_char(r->domain, ']');
}

/* Behind an "@": the domain, up to white space that no dot joins, or a byte that no domain has. */
static void take_domain(struct reading *r)
{
    int is_joined = 1;

    for (;;) {
        const char *before;

        before = r->cursor.at;
        core_mail_skip_cfws(&r->cursor, &r->comment);
        char c = core_mail_peek(&r->cursor);

        if (c == '.') {
            (void)mansio_buf_add_char(r->domain, c);
            r->cursor.at++;
            is_joined = 1;
        } else if (before != r->cursor.at && !is_joined) {
            return;
        } else if (c == '[' && is_joined) {
            take_literal(r);
            is_joined = 0;
        } else if (!core_mail_at_end(&r->cursor) && core_mail_is_atext(c)) {
            take_atom(r, r->domain, NULL);
            is_joined = 0;
        } else {
            return;
        }
    }
}

/* RFC 5322 4.4 obs-route: "@a,@b:" at the beginning of an angle address. */
static void take_route(struct reading *r)
{
    struct core_mail_cursor start = r->cursor;

    for (;;) {
        core_mail_skip_cfws(&r->cursor, &r->comment);
        char c = core_mail_peek(&r->cursor);

        if (c == '@') {
            r->cursor.at++;
            mansio_buf_reset(r->domain);
            take_domain(r);
            if (mansio_buf_str(r->route).len > 0) {
                (void)mansio_buf_add_char(r->route, ',');
            }
            (void)mansio_buf_add_char(r->route, '@');
            (void)mansio_buf_add(r->route, mansio_buf_str(r->domain));
        } else if (c == ',') {
            r->cursor.at++;
        } else {
            break;
        }
    }
    mansio_buf_reset(r->domain);
    if (core_mail_peek(&r->cursor) == ':') {
        r->cursor.at++;
        return;
    }
    /* No route after all: an address without a local part. */
    mansio_buf_reset(r->route);
    r->cursor = start;
}

/* An "@": what came before is the local part, also if it has an "@" itself. */
static void take_at(struct reading *r)
{
    if (r->has_at) {
        (void)mansio_buf_add_char(r->local, '@');
        (void)mansio_buf_add(r->local, mansio_buf_str(r->domain));
        mansio_buf_reset(r->domain);
    }
    r->has_at = 1;
    r->cursor.at++;
    take_domain(r);
}

/* What stands between "<" and ">". */
static void take_angle(struct reading *r)
{
    r->cursor.at++;
    r->has_angle = 1;
    r->has_at = 0;
    mansio_buf_reset(r->local);
    mansio_buf_reset(r->domain);
    core_mail_skip_cfws(&r->cursor, &r->comment);
    if (core_mail_peek(&r->cursor) == '@') {
        take_route(r);
    }
    for (;;) {
        const char *before = r->cursor.at;

        core_mail_skip_cfws(&r->cursor, &r->comment);
        char c = core_mail_peek(&r->cursor);

        if (core_mail_at_end(&r->cursor) || c == ',' || c == ';') {
            return;
        }
        if (before != r->cursor.at && mansio_buf_str(r->local).len > 0 && c != '>' && c != '@' &&
            !r->has_at) {
            (void)mansio_buf_add_char(r->local, ' '); /* "<two words>" */
        }
        if (c == '>') {
            r->cursor.at++;
            return;
        }
        if (c == '@') {
            take_at(r);
        } else if (c == '"') {
            struct mansio_str inside;

            (void)core_mail_skip_quoted(&r->cursor, &inside);
            core_mail_unquote(r->local, inside);
        } else if (c == '<') {
            r->cursor.at++; /* "<<a@b>>" */
        } else {
            take_atom(r, r->local, NULL);
        }
    }
}

/* A bare address may have been a name: "a@b <c@d>". */
static void bare_to_phrase(struct reading *r)
{
    if (r->has_at && !r->has_junk) {
        r->has_junk = 1;
        (void)mansio_buf_add_char(r->phrase, '@');
        (void)mansio_buf_add(r->phrase, mansio_buf_str(r->domain));
    }
}

/* One entry, up to the byte that ends it. @return 0; MANSIO_E_LIMIT */
static int take_entry(struct reading *r)
{
    int result;

    begin_entry(r);
    for (;;) {
        const char *before = r->cursor.at;

        core_mail_skip_cfws(&r->cursor, &r->comment);
        int has_space = r->cursor.at != before;
        char c = core_mail_peek(&r->cursor);

        if (core_mail_at_end(&r->cursor) || c == ',' || c == ';') {
            return end_mailbox(r);
        }
        if (c == '<') {
            bare_to_phrase(r);
            take_angle(r);
            core_mail_skip_cfws(&r->cursor, &r->comment);
            result = end_mailbox(r);
            r->is_behind = 1;
            return result;
        }
        if (c == ':' && !r->is_in_group && !r->has_at) {
            r->cursor.at++;
            return begin_group(r);
        }
        if (c == '@' && !r->has_junk) {
            take_at(r);
        } else if (c == '>') {
            r->cursor.at++; /* of an angle address that a semicolon cut short */
        } else {
            bare_to_phrase(r);
            take_word(r, has_space);
        }
    }
}

int core_mail_address_parse(struct mansio_arena *arena, struct mansio_str text, uint32_t max,
                            struct core_mail_address_list *list)
{
    /* Not the scratch arena, whose cap a large header would reach: bounded by the text. */
    struct mansio_arena *work = mansio_arena_new(NULL, "mail addresses", 0);
    size_t limit = 2 * text.len + 16;
    struct reading r = {
        .arena = arena,
        .cursor = core_mail_cursor_at(text),
        .list = list,
        .max = max,
        .phrase = mansio_buf_new(work, limit),
        .local = mansio_buf_new(work, limit),
        .route = mansio_buf_new(work, limit),
        .domain = mansio_buf_new(work, limit),
    };
    int result = 0;

    while (result == 0 && !core_mail_at_end(&r.cursor) && !r.is_cut) {
        char c = core_mail_peek(&r.cursor);

        if (c == ',') {
            r.cursor.at++;
            r.is_behind = 0;
        } else if (c == ';') {
            r.cursor.at++;
            r.is_behind = 0;
            result = end_group(&r);
        } else {
            result = take_entry(&r);
        }
    }
    if (result == 0) {
        result = end_group(&r);
    }
    mansio_arena_free(work);
    return result < 0 ? result : r.is_cut;
}

/* ---- printing */

/* 1 if text is atoms with single @p joiner bytes between them. */
static int is_atoms(struct mansio_str text, char joiner)
{
    int is_after_joiner = 1;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == joiner) {
            if (is_after_joiner) {
                return 0;
            }
            is_after_joiner = 1;
        } else if (core_mail_is_atext(text.ptr[i])) {
            is_after_joiner = 0;
        } else {
            return 0;
        }
    }
    return !is_after_joiner;
}

void core_mail_address_print_local(struct mansio_buf *out, struct mansio_str local)
{
    if (local.len > 0 && is_atoms(local, '.')) {
        (void)mansio_buf_add(out, local);
    } else {
        core_mail_quote(out, local);
    }
}

void core_mail_address_print_spec(struct mansio_buf *out, const struct core_mail_address *address)
{
    core_mail_address_print_local(out, address->local);
    if (address->domain.len > 0) {
        (void)mansio_buf_add_char(out, '@');
        (void)mansio_buf_add(out, address->domain);
    }
}

static void print_phrase(struct mansio_buf *out, struct mansio_str phrase)
{
    if (is_atoms(phrase, ' ')) {
        (void)mansio_buf_add(out, phrase);
    } else {
        core_mail_quote(out, phrase);
    }
}

void core_mail_address_print(struct mansio_buf *out, const struct core_mail_address_list *list)
{
    int needs_comma = 0;

    for (const struct core_mail_address *at = list->first; at != NULL; at = at->next) {
        if (at->kind == CORE_MAIL_GROUP_END) {
            (void)mansio_buf_add_char(out, ';');
            needs_comma = 1;
            continue;
        }
        if (needs_comma) {
            (void)mansio_buf_add(out, MANSIO_STR(", "));
        }
        needs_comma = at->kind == CORE_MAIL_MAILBOX;
        if (at->kind == CORE_MAIL_GROUP_START) {
            print_phrase(out, at->local);
            (void)mansio_buf_add(out, MANSIO_STR(": "));
        } else if (at->name.len > 0) {
            print_phrase(out, at->name);
            (void)mansio_buf_add(out, MANSIO_STR(" <"));
            core_mail_address_print_spec(out, at);
            (void)mansio_buf_add_char(out, '>');
        } else {
            core_mail_address_print_spec(out, at);
        }
    }
}
