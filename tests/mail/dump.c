/*
 * What core/mail finds in messages, one fact a line, for compare.py:
 *
 *     dump FILE...           path TAB section TAB field TAB value
 *     dump --split FILE...   checks that pieces of any size give what the whole gives, and that
 *                            the stored form reads back as it was
 *     dump --stored FILE     writes the stored form, a seed for tests/fuzz
 *
 * Sections: "" is the root, ".1" its first part, ".m" the message in a message/rfc822. Bytes that
 * are not printable stand as %XX.
 */
#include "core/mail/date.h"
#include "core/mail/parser.h"
#include "core/mail/stored.h"

#include <mansio/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SECTION_MAX = 512,
    FILE_MAX_BYTES = 64 << 20,
    EVERY_SPLIT_MAX_BYTES = 2048, /* messages up to this are cut in two at every byte */
};

struct place {
    const char *path;
    char section[SECTION_MAX];
};

static void print_bytes(struct mansio_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] > ' ' && s.ptr[i] < 0x7f && s.ptr[i] != '%') {
            putchar(s.ptr[i]);
        } else {
            printf("%%%02X", (unsigned char)s.ptr[i]);
        }
    }
}

static void print_fact(const struct place *place, const char *field, struct mansio_str value)
{
    if (value.ptr == NULL) {
        return;
    }
    printf("%s\t%s\t%s\t", place->path, place->section, field);
    print_bytes(value);
    putchar('\n');
}

static void print_number(const struct place *place, const char *field, long long value)
{
    printf("%s\t%s\t%s\t%lld\n", place->path, place->section, field, value);
}

static void print_params(const struct place *place, const char *field,
                         const struct core_mail_param *first)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "dump", 0);

    for (const struct core_mail_param *at = first; at != NULL; at = at->next) {
        struct mansio_buf *value = mansio_buf_new(arena, 1 << 20);

        core_mail_param_decode(value, at);
        printf("%s\t%s\t%s\t", place->path, place->section, field);
        print_bytes(at->name);
        printf("=");
        print_bytes(at->is_extended ? mansio_buf_str(value) : at->value);
        putchar('\n');
    }
    mansio_arena_free(arena);
}

static void print_addresses(const struct place *place, const char *field,
                            const struct core_mail_address_list *list)
{
    for (const struct core_mail_address *at = list->first; at != NULL; at = at->next) {
        if (at->kind != CORE_MAIL_MAILBOX || at->local.len + at->domain.len == 0) {
            continue; /* python's have no groups */
        }
        printf("%s\t%s\t%s\t", place->path, place->section, field);
        print_bytes(at->name);
        putchar('|');
        print_bytes(at->local);
        if (at->domain.len > 0) {
            putchar('@');
            print_bytes(at->domain);
        }
        putchar('\n');
    }
}

static void print_envelope(const struct place *place, const struct core_mail_envelope *envelope)
{
    struct core_mail_date date;

    print_fact(place, "date", envelope->date);
    if (envelope->date.ptr != NULL && core_mail_date_parse(envelope->date, &date) == 0) {
        print_number(place, "date-seconds", date.seconds);
        print_number(place, "date-zone", date.offset_minutes);
    }
    print_fact(place, "subject", envelope->subject);
    print_fact(place, "in-reply-to", envelope->in_reply_to);
    print_fact(place, "message-id", envelope->message_id);
    print_fact(place, "references", envelope->references);
    print_addresses(place, "from", &envelope->from);
    print_addresses(place, "sender", &envelope->sender);
    print_addresses(place, "reply-to", &envelope->reply_to);
    print_addresses(place, "to", &envelope->to);
    print_addresses(place, "cc", &envelope->cc);
    print_addresses(place, "bcc", &envelope->bcc);
}

/* Section of a part, from its own place up. */
static void name_section(struct place *place, const struct core_mail_part *part)
{
    size_t at = sizeof place->section - 1;

    place->section[at] = '\0';
    for (; part->parent != NULL; part = part->parent) {
        char step[24] = ".m";
        size_t length;

        if (part->parent->kind != CORE_MAIL_PART_MESSAGE) {
            unsigned number = 1;

            for (const struct core_mail_part *other = part->parent->first_child; other != part;
                 other = other->next) {
                number++;
            }
            (void)snprintf(step, sizeof step, ".%u", number);
        }
        length = strlen(step);
        if (length > at) {
            break;
        }
        at -= length;
        memcpy(place->section + at, step, length);
    }
    memmove(place->section, place->section + at, sizeof place->section - at);
}

static void print_part(struct place *place, const struct core_mail_part *part)
{
    name_section(place, part);
    printf("%s\t%s\ttype\t", place->path, place->section);
    print_bytes(part->type.value);
    putchar('/');
    print_bytes(part->type.subtype);
    putchar('\n');
    print_params(place, "param", part->type.first);
    print_fact(place, "encoding", part->encoding);
    print_fact(place, "disposition", part->disposition.value);
    print_params(place, "disposition-param", part->disposition.first);
    print_fact(place, "id", part->id);
    print_fact(place, "description", part->description);
    print_fact(place, "md5", part->md5);
    print_fact(place, "language", part->language);
    print_fact(place, "location", part->location);
    print_number(place, "kind", part->kind);
    print_number(place, "header-start", (long long)part->header_start);
    print_number(place, "body-start", (long long)part->body_start);
    print_number(place, "body-end", (long long)part->body_end);
    print_number(place, "header-lines", (long long)part->header_lines);
    print_number(place, "body-lines", (long long)part->body_lines);
    if (part->envelope != NULL) {
        print_envelope(place, part->envelope);
    }
}

static void dump(const char *path, struct mansio_str bytes)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "message", 0);
    struct core_mail_limits limits = core_mail_limits_usual();
    const struct core_mail_message *message = NULL;
    struct place place = {.path = path};

    if (core_mail_parse(arena, bytes, &limits, &message) < 0) {
        fprintf(stderr, "%s: %s\n", path, mansio_error_detail());
        exit(1);
    }
    print_number(&place, "limited", message->is_limited);
    print_fact(&place, "text", message->text);
    for (const struct core_mail_part *at = message->root; at != NULL; at = at->following) {
        print_part(&place, at);
    }
    mansio_arena_free(arena);
}

/* The stored form and the text of a message that comes in pieces: the first one of @p first
 * bytes, the others of @p step. */
static struct mansio_str digest_of(struct mansio_arena *arena, struct mansio_str bytes,
                                   size_t first, size_t step)
{
    struct core_mail_limits limits = core_mail_limits_usual();
    struct core_mail_parser *parser = core_mail_parser_new(arena, &limits);
    struct mansio_buf *out = mansio_buf_new(arena, FILE_MAX_BYTES);
    struct mansio_buf *again = mansio_buf_new(arena, FILE_MAX_BYTES);
    const struct core_mail_message *message = NULL;
    struct core_mail_message read = {.root = NULL};
    size_t size = first;

    while (bytes.len > 0) {
        if (core_mail_parser_feed(parser, mansio_str_sub(bytes, 0, size)) < 0) {
            exit(1);
        }
        bytes = mansio_str_sub(bytes, size, SIZE_MAX);
        size = step;
    }
    if (core_mail_parser_finish(parser, &message) < 0) {
        exit(1);
    }
    core_mail_stored_write(out, message);
    if (core_mail_stored_read(arena, mansio_buf_str(out), &read) < 0) {
        fprintf(stderr, "not read back: %s\n", mansio_error_detail());
        exit(1);
    }
    core_mail_stored_write(again, &read);
    if (!mansio_str_eq(mansio_buf_str(out), mansio_buf_str(again))) {
        fprintf(stderr, "read back as another\n");
        exit(1);
    }
    (void)mansio_buf_add(out, message->text);
    return mansio_buf_str(out);
}

static void check_split(const char *path, struct mansio_str bytes)
{
    static const size_t STEPS[] = {1, 2, 3, 7, 64, 1000, 4096};
    struct mansio_arena *arena = mansio_arena_new(NULL, "whole", 0);
    struct mansio_arena *other = mansio_arena_new(NULL, "pieces", 0);
    struct mansio_str whole = digest_of(arena, bytes, SIZE_MAX, SIZE_MAX);

    for (size_t i = 0; i < MANSIO_COUNT(STEPS); i++) {
        if (!mansio_str_eq(whole, digest_of(other, bytes, STEPS[i], STEPS[i]))) {
            printf("%s: differs in pieces of %zu\n", path, STEPS[i]);
            exit(1);
        }
        mansio_arena_reset(other);
    }
    for (size_t cut = 1; bytes.len <= EVERY_SPLIT_MAX_BYTES && cut < bytes.len; cut++) {
        if (!mansio_str_eq(whole, digest_of(other, bytes, cut, SIZE_MAX))) {
            printf("%s: differs when cut at %zu\n", path, cut);
            exit(1);
        }
        mansio_arena_reset(other);
    }
    mansio_arena_free(other);
    mansio_arena_free(arena);
}

static void write_stored(const char *path, struct mansio_str bytes)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "message", 0);
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_buf *out = mansio_buf_new(arena, FILE_MAX_BYTES);
    const struct core_mail_message *message = NULL;

    if (core_mail_parse(arena, bytes, &limits, &message) < 0) {
        fprintf(stderr, "%s: %s\n", path, mansio_error_detail());
        exit(1);
    }
    core_mail_stored_write(out, message);
    (void)fwrite(mansio_buf_str(out).ptr, 1, mansio_buf_str(out).len, stdout);
    mansio_arena_free(arena);
}

typedef void (*what_fn)(const char *path, struct mansio_str bytes);

static void run(const char *path, what_fn what)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    char *bytes;
    size_t length;

    if (file == NULL || fstat(fileno(file), &status) < 0 || status.st_size > FILE_MAX_BYTES) {
        perror(path);
        exit(1);
    }
    /* Exactly as long as it is, so that a sanitizer sees a step too far. */
    length = (size_t)status.st_size;
    bytes = malloc(length > 0 ? length : 1);
    if (bytes == NULL || fread(bytes, 1, length, file) != length) {
        perror(path);
        exit(1);
    }
    (void)fclose(file);
    what(path, (struct mansio_str){bytes, length});
    free(bytes);
}

int main(int argc, char **argv)
{
    what_fn what = dump;
    int first = 1;

    if (argc > 1 && strcmp(argv[1], "--split") == 0) {
        what = check_split;
    } else if (argc > 1 && strcmp(argv[1], "--stored") == 0) {
        what = write_stored;
    }
    first += what != dump;
    for (int i = first; i < argc; i++) {
        run(argv[i], what);
    }
    return 0;
}
