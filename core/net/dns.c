/*
 * DNS answers: see dns.h. One pass over the answer section gathers CNAMEs and records of the type
 * asked for, each with its owner; then the chain is followed among what was gathered.
 */
#include "core/net/dns.h"

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_BYTES = 12,
    CLASS_IN = 1,
    TYPE_SOA = 6,
    WIRE_NAME_MAX = 255, /* RFC 1035 2.3.4 */
    LABELS_MAX = 128,
    GATHERED_MAX = 512,       /* records of one answer that matter to a question */
    POINTER = 0xC0,           /* RFC 1035 4.1.4 */
    TTL_MAX = 86400,          /* that we keep something */
    NEGATIVE_TTL_MAX = 10800, /* RFC 2308 5 */
};

/* Flags of the second word (RFC 1035 4.1.1, RFC 4035 3.2.3). */
enum { FLAG_ANSWER = 0x8000, MASK_OPCODE = 0x7800, FLAG_CUT = 0x0200, FLAG_AD = 0x0020 };

/* A place in a packet; past its end everything fails and stays failed. */
struct reader {
    const unsigned char *bytes;
    size_t size;
    size_t at;
    int is_bad;
};

/* What an answer's record is, before its data are read. */
struct raw {
    char owner[CORE_DNS_NAME_MAX];
    uint32_t type, class, ttl;
    size_t data;
    size_t length;
};

struct gathered {
    struct gathered *next;
    struct mansio_str owner;
    struct mansio_str target; /* of a CNAME that leads on */
    struct mansio_dns_record *record;
    uint32_t ttl;
};

struct reading {
    struct mansio_arena *arena;
    struct reader reader;
    uint32_t type;
    struct gathered *first, *last; /* CNAMEs and records of the type, in order */
    size_t count;
    uint32_t negative_ttl; /* of the SOA, UINT32_MAX if there is none */
    int error;
};

static uint32_t get(struct reader *r, size_t width)
{
    uint32_t value = 0;

    if (r->is_bad || r->size - r->at < width) {
        r->is_bad = 1;
        return 0;
    }
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | r->bytes[r->at++];
    }
    return value;
}

/* ---- names */

/* A byte of a label as text (RFC 1035 5.1): in lower case, what isn't plain escaped. */
static size_t put_byte(char *out, unsigned char byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        byte = (unsigned char)(byte + ('a' - 'A'));
    }
    if (byte > ' ' && byte < 0x7F && byte != '.' && byte != '\\') {
        out[0] = (char)byte;
        return 1;
    }
    out[0] = '\\';
    if (byte == '.' || byte == '\\') {
        out[1] = (char)byte;
        return 2;
    }
    out[1] = (char)('0' + byte / 100);
    out[2] = (char)('0' + byte / 10 % 10);
    out[3] = (char)('0' + byte % 10);
    return 4;
}

/*
 * The name at the reader, as text; "" for the root. A pointer leads to before the place where its
 * own part of the name began, so each goes further back and there is an end.
 */
static size_t get_name(struct reader *r, char out[CORE_DNS_NAME_MAX])
{
    size_t at = r->at;
    size_t floor = at;
    size_t wire = 1;
    size_t length = 0;
    int has_jumped = 0;

    out[0] = '\0';
    for (int labels = 0; labels < LABELS_MAX && !r->is_bad && at < r->size;) {
        unsigned char count = r->bytes[at];

        if ((count & POINTER) == POINTER) {
            size_t target;

            if (at + 1 >= r->size) {
                break;
            }
            target = (size_t)(count & ~POINTER) << 8 | r->bytes[at + 1];
            if (target >= floor) {
                break;
            }
            r->at = has_jumped ? r->at : at + 2;
            has_jumped = 1;
            at = floor = target;
            continue;
        }
        wire += (size_t)count + 1;
        if ((count & POINTER) != 0 || r->size - at <= count || wire > WIRE_NAME_MAX + 1) {
            break;
        }
        if (count == 0) {
            r->at = has_jumped ? r->at : at + 1;
            out[length] = '\0';
            return length;
        }
        labels++;
        if (length > 0) {
            out[length++] = '.';
        }
        /* 255 bytes of wire are at most 4 * 254 of text: it fits. */
        for (size_t i = 1; i <= count; i++) {
            length += put_byte(out + length, r->bytes[at + i]);
        }
        at += (size_t)count + 1;
    }
    r->is_bad = 1;
    out[0] = '\0';
    return 0;
}

static int copy_name(struct mansio_arena *arena, struct reader *r, struct mansio_str *out)
{
    char text[CORE_DNS_NAME_MAX];
    size_t length = get_name(r, text);

    return r->is_bad ? 0 : mansio_arena_copy(arena, (struct mansio_str){text, length}, out);
}

/* ---- records */

static int read_address(struct mansio_arena *arena, struct reader *r, size_t length, int family,
                        struct mansio_dns_record *record)
{
    char text[INET6_ADDRSTRLEN];
    size_t wanted = family == AF_INET ? 4 : 16;

    if (length != wanted || inet_ntop(family, r->bytes + r->at, text, sizeof text) == NULL) {
        r->is_bad = 1;
        return 0;
    }
    r->at += wanted;
    return mansio_arena_copy(arena, mansio_str_from_cstr(text), &record->data);
}

/* RFC 1035 3.3.14: strings of a length each, joined. */
static int read_text(struct mansio_arena *arena, struct reader *r, size_t end,
                     struct mansio_dns_record *record)
{
    char *text = mansio_arena_try_alloc(arena, end - r->at + 1);
    size_t length = 0;

    if (text == NULL) {
        return MANSIO_E_LIMIT;
    }
    while (r->at < end) {
        size_t count = r->bytes[r->at++];

        if (end - r->at < count) {
            r->is_bad = 1;
            return 0;
        }
        memcpy(text + length, r->bytes + r->at, count);
        length += count;
        r->at += count;
    }
    record->data = (struct mansio_str){text, length};
    return 0;
}

/* The data of a record of the type asked for, up to @p end. */
static int read_data(struct reading *reading, struct reader *r, size_t end,
                     struct mansio_dns_record *record)
{
    struct mansio_arena *arena = reading->arena;

    switch (reading->type) {
    case MANSIO_DNS_A:
        return read_address(arena, r, end - r->at, AF_INET, record);
    case MANSIO_DNS_AAAA:
        return read_address(arena, r, end - r->at, AF_INET6, record);
    case MANSIO_DNS_TXT:
        return read_text(arena, r, end, record);
    case MANSIO_DNS_MX: /* RFC 1035 3.3.9 */
        record->preference = get(r, 2);
        return copy_name(arena, r, &record->name);
    case MANSIO_DNS_SRV: /* RFC 2782 */
        record->preference = get(r, 2);
        record->weight = get(r, 2);
        record->port = get(r, 2);
        return copy_name(arena, r, &record->name);
    case MANSIO_DNS_TLSA: { /* RFC 6698 2.1 */
        struct mansio_str bytes;

        record->usage = get(r, 1);
        record->selector = get(r, 1);
        record->matching = get(r, 1);
        bytes = (struct mansio_str){(const char *)r->bytes + r->at, end - r->at};
        r->at = end;
        return r->is_bad ? 0 : mansio_arena_copy(arena, bytes, &record->data);
    }
    default: /* CNAME, PTR */
        return copy_name(arena, r, &record->name);
    }
}

/* The next record's head; the reader stands behind its data then. */
static void get_raw(struct reader *r, struct raw *raw)
{
    (void)get_name(r, raw->owner);
    raw->type = get(r, 2);
    raw->class = get(r, 2);
    raw->ttl = get(r, 4);
    raw->length = get(r, 2);
    raw->data = r->at;
    /* RFC 2181 8: with the first bit set it means zero. */
    raw->ttl = (raw->ttl & 0x80000000U) != 0 ? 0 : raw->ttl;
    if (r->is_bad || r->size - r->at < raw->length) {
        r->is_bad = 1;
        raw->length = 0;
        return;
    }
    r->at += raw->length;
}

/* Keep a record of the answer section, if it has to do with the question. */
static int gather(struct reading *reading, const struct raw *raw)
{
    /* Data end where their length says, and names in them may point before. */
    struct reader data = reading->reader;
    struct gathered *kept;
    int rc;

    if (raw->class != CLASS_IN || (raw->type != reading->type && raw->type != MANSIO_DNS_CNAME)) {
        return 0;
    }
    if (++reading->count > GATHERED_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "an answer has more than %d records", GATHERED_MAX);
    }
    data.at = raw->data;
    data.size = raw->data + raw->length;
    kept = mansio_arena_try_alloc(reading->arena, sizeof *kept);
    if (kept == NULL) {
        return MANSIO_E_LIMIT;
    }
    kept->ttl = raw->ttl;
    rc = mansio_arena_copy(reading->arena, mansio_str_from_cstr(raw->owner), &kept->owner);
    if (rc == 0 && raw->type == reading->type) {
        kept->record = mansio_arena_try_alloc(reading->arena, sizeof *kept->record);
        if (kept->record == NULL) {
            return MANSIO_E_LIMIT;
        }
        kept->record->size = sizeof *kept->record;
        kept->record->ttl = raw->ttl;
        rc = read_data(reading, &data, data.size, kept->record);
    } else if (rc == 0) {
        rc = copy_name(reading->arena, &data, &kept->target);
    }
    if (rc < 0) {
        return rc;
    }
    if (data.is_bad || data.at != data.size) {
        reading->reader.is_bad = 1;
        return 0;
    }
    if (reading->last != NULL) {
        reading->last->next = kept;
    } else {
        reading->first = kept;
    }
    reading->last = kept;
    return 0;
}

/* RFC 2308 5: how long a "no" holds is said by the SOA beside it. */
static void read_authority(struct reading *reading, const struct raw *raw)
{
    struct reader data = reading->reader;
    char ignored[CORE_DNS_NAME_MAX];
    uint32_t minimum;

    if (raw->class != CLASS_IN || raw->type != TYPE_SOA) {
        return;
    }
    data.at = raw->data;
    data.size = raw->data + raw->length;
    (void)get_name(&data, ignored);
    (void)get_name(&data, ignored);
    for (int i = 0; i < 4; i++) {
        (void)get(&data, 4);
    }
    minimum = get(&data, 4);
    if (!data.is_bad) {
        reading->negative_ttl = minimum < raw->ttl ? minimum : raw->ttl;
    }
}

/* ---- the chain */

/* MX by preference, SRV by priority; others keep the answer's order. */
static int by_preference(const void *a, const void *b)
{
    const struct mansio_dns_record *left = *(const struct mansio_dns_record *const *)a;
    const struct mansio_dns_record *right = *(const struct mansio_dns_record *const *)b;

    return (left->preference > right->preference) - (left->preference < right->preference);
}

/* All records of an owner. */
static int collect(const struct reading *reading, struct mansio_str owner,
                   struct core_dns_result *out)
{
    const struct mansio_dns_record **records;
    size_t count = 0;

    for (const struct gathered *at = reading->first; at != NULL; at = at->next) {
        count += at->record != NULL && mansio_str_eq(at->owner, owner);
    }
    records = mansio_arena_try_alloc(reading->arena, (count + 1) * sizeof *records);
    if (records == NULL) {
        return MANSIO_E_LIMIT;
    }
    count = 0;
    for (const struct gathered *at = reading->first; at != NULL; at = at->next) {
        if (at->record != NULL && mansio_str_eq(at->owner, owner)) {
            records[count++] = at->record;
            out->ttl = at->ttl < out->ttl ? at->ttl : out->ttl;
        }
    }
    qsort(records, count, sizeof *records, by_preference);
    out->records = records;
    out->count = count;
    return 0;
}

/* From the name asked for to its records, over CNAMEs in any order. */
static int follow(const struct reading *reading, struct mansio_str name,
                  struct core_dns_result *out)
{
    for (;;) {
        const struct gathered *alias = NULL;
        int rc = collect(reading, name, out);

        if (rc < 0 || out->count > 0) {
            return rc;
        }
        for (const struct gathered *at = reading->first; at != NULL && alias == NULL;
             at = at->next) {
            alias = at->record == NULL && mansio_str_eq(at->owner, name) ? at : NULL;
        }
        if (alias == NULL) {
            break;
        }
        if (++out->steps > CORE_DNS_CHAIN_MAX) {
            return mansio_fail(MANSIO_E_INVALID, "an answer has more than %d CNAMEs",
                               CORE_DNS_CHAIN_MAX);
        }
        out->ttl = alias->ttl < out->ttl ? alias->ttl : out->ttl;
        name = alias->target;
    }
    if (reading->negative_ttl != UINT32_MAX || out->rcode == CORE_DNS_NXDOMAIN) {
        /* The name at the chain's end was looked at. Without a SOA a "no" isn't kept. */
        uint32_t ttl = reading->negative_ttl == UINT32_MAX ? 0 : reading->negative_ttl;

        ttl = ttl < NEGATIVE_TTL_MAX ? ttl : NEGATIVE_TTL_MAX;
        out->ttl = ttl < out->ttl ? ttl : out->ttl;
    } else if (out->steps > 0) {
        out->next = name;
    } else {
        out->ttl = 0;
    }
    return 0;
}

/* Header and question. @return records to read of the answer section; a code */
static int read_head(struct reading *reading, struct mansio_str name, struct core_dns_result *out,
                     uint32_t *authority)
{
    struct reader *r = &reading->reader;
    char asked[CORE_DNS_NAME_MAX];
    uint32_t flags;
    uint32_t questions;
    uint32_t answers;

    (void)get(r, 2);
    flags = get(r, 2);
    questions = get(r, 2);
    answers = get(r, 2);
    *authority = get(r, 2);
    (void)get(r, 2);
    if (r->is_bad || (flags & FLAG_ANSWER) == 0 || (flags & MASK_OPCODE) != 0) {
        return mansio_fail(MANSIO_E_INVALID, "what came is no answer of DNS");
    }
    if ((flags & FLAG_CUT) != 0) {
        return mansio_fail(MANSIO_E_INVALID, "an answer of DNS is cut");
    }
    out->rcode = flags & 15;
    out->is_authentic = (flags & FLAG_AD) != 0;
    if (out->rcode != CORE_DNS_NOERROR && out->rcode != CORE_DNS_NXDOMAIN) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "a resolver answers with code %u", out->rcode);
    }
    (void)get_name(r, asked);
    if (questions != 1 || get(r, 2) != reading->type || get(r, 2) != CLASS_IN || r->is_bad ||
        !mansio_str_eq(mansio_str_from_cstr(asked), name)) {
        return mansio_fail(MANSIO_E_INVALID, "an answer of DNS is to another question");
    }
    return (int)answers;
}

int core_dns_parse(struct mansio_arena *arena, struct mansio_str packet, struct mansio_str name,
                   uint32_t type, struct core_dns_result *out)
{
    struct reading reading = {
        .arena = arena,
        .reader = {.bytes = (const unsigned char *)packet.ptr, .size = packet.len},
        .type = type,
        .negative_ttl = UINT32_MAX,
    };
    struct core_dns_result result = {.ttl = TTL_MAX};
    uint32_t authority = 0;
    struct raw raw = {.type = 0};
    int rc;
    int answers = packet.len >= HEADER_BYTES && packet.len <= CORE_DNS_PACKET_MAX
                      ? read_head(&reading, name, &result, &authority)
                      : mansio_fail(MANSIO_E_INVALID, "what came is no answer of DNS");

    out->rcode = result.rcode;
    if (answers < 0) {
        return answers;
    }
    for (int i = 0; i < answers && !reading.reader.is_bad; i++) {
        get_raw(&reading.reader, &raw);
        rc = reading.reader.is_bad ? 0 : gather(&reading, &raw);
        if (rc < 0) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < authority && !reading.reader.is_bad; i++) {
        get_raw(&reading.reader, &raw);
        if (!reading.reader.is_bad) {
            read_authority(&reading, &raw);
        }
    }
    if (reading.reader.is_bad) {
        return mansio_fail(MANSIO_E_INVALID, "an answer of DNS is broken");
    }
    rc = follow(&reading, name, &result);
    if (rc == 0) {
        *out = result;
    }
    return rc;
}

int core_dns_reverse(struct mansio_arena *arena, struct mansio_str address, struct mansio_str *out)
{
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN] = "";
    struct mansio_buf *name;
    int is_ipv4;

    if (address.len >= sizeof text || mansio_str_find_char(address, '\0') >= 0) {
        return MANSIO_E_NOT_FOUND;
    }
    if (address.len > 0) {
        memcpy(text, address.ptr, address.len);
    }
    is_ipv4 = inet_pton(AF_INET, text, bytes) == 1;
    if (!is_ipv4 && inet_pton(AF_INET6, text, bytes) != 1) {
        return MANSIO_E_NOT_FOUND;
    }
    name = mansio_buf_new(arena, 128);
    for (int i = is_ipv4 ? 3 : 15; i >= 0; i--) {
        if (is_ipv4) {
            (void)mansio_buf_printf(name, "%u.", bytes[i]);
        } else {
            (void)mansio_buf_printf(name, "%x.%x.", bytes[i] & 15U, (unsigned)bytes[i] >> 4);
        }
    }
    (void)mansio_buf_add(name, is_ipv4 ? MANSIO_STR("in-addr.arpa") : MANSIO_STR("ip6.arpa"));
    *out = mansio_buf_str(name);
    return mansio_buf_status(name);
}
