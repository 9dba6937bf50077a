/*
 * Requests of Outlook: expat reads them, this says what of it counts.
 *
 * A document that declares a type is refused at its DOCTYPE, before expat reads a declaration in
 * it: so there is no entity to expand and none to fetch. Depth, elements and texts are counted.
 * expat's own memory grows with the document, which is bounded.
 */
#include "request.h"

#include <expat.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    DEPTH_MAX = 16,
    ELEMENTS_MAX = 256,
    TEXT_MAX = 512,
};

/* expat joins a namespace and a name with it; it refuses namespaces that hold it. */
#define SEPARATOR '\n'

/* Microsoft's namespaces are http:, its reference pages write https:, and so do who read them. */
#define BOTH(path) MANSIO_STR("http://" path), MANSIO_STR("https://" path)

static const struct mansio_str request_namespaces[] = {
    BOTH("schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"),
    BOTH("schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006"),
};

static const struct mansio_str outlook_schemas[] = {
    BOTH("schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"),
};

/* Elements below Request that are read. */
enum field {
    FIELD_NONE,
    FIELD_ADDRESS,
    FIELD_SCHEMA,
    FIELD_LEGACY_DN,
    FIELD_COUNT,
};

static const struct mansio_str field_names[FIELD_COUNT] = {
    [FIELD_ADDRESS] = MANSIO_STR("EMailAddress"),
    [FIELD_SCHEMA] = MANSIO_STR("AcceptableResponseSchema"),
    [FIELD_LEGACY_DN] = MANSIO_STR("LegacyDN"),
};

struct text {
    int is_there;
    size_t len;
    char bytes[TEXT_MAX];
};

struct reader {
    XML_Parser parser;
    int rc;            /* why it stopped */
    const char *fault; /* for people */
    uint32_t depth, elements;
    struct mansio_str space; /* the request's namespace, of the table */
    int is_request;          /* inside Request */
    int has_request;
    uint32_t field; /* enum field: whose text this is */
    struct text texts[FIELD_COUNT];
};

static void stop(struct reader *r, int code, const char *fault)
{
    if (r->rc == 0) {
        r->rc = code;
        r->fault = fault;
        (void)XML_StopParser(r->parser, XML_FALSE);
    }
}

/* Is it @p name in the request's own namespace? */
static int is_named(const struct reader *r, struct mansio_str found, struct mansio_str name)
{
    return found.len == r->space.len + 1 + name.len && mansio_str_starts(found, r->space) &&
           found.ptr[r->space.len] == SEPARATOR && mansio_str_ends(found, name);
}

static void begin_document(struct reader *r, struct mansio_str name)
{
    for (size_t i = 0; i < MANSIO_COUNT(request_namespaces); i++) {
        r->space = request_namespaces[i];
        if (is_named(r, name, MANSIO_STR("Autodiscover"))) {
            return;
        }
    }
    stop(r, MANSIO_E_INVALID, "not a request of a schema that we know");
}

static void begin_field(struct reader *r, struct mansio_str name)
{
    for (uint32_t i = FIELD_NONE + 1; i < FIELD_COUNT; i++) {
        if (!is_named(r, name, field_names[i])) {
            continue;
        }
        if (r->texts[i].is_there) {
            stop(r, MANSIO_E_INVALID, "an element twice");
        }
        r->field = i;
        r->texts[i].is_there = 1;
    }
}

static void XMLCALL on_start(void *arg, const XML_Char *element, const XML_Char **attributes)
{
    struct reader *r = arg;
    struct mansio_str name = mansio_str_from_cstr(element);

    (void)attributes;
    r->depth++;
    if (r->rc < 0) {
        return;
    }
    if (r->depth > DEPTH_MAX || ++r->elements > ELEMENTS_MAX) {
        stop(r, MANSIO_E_LIMIT, "too deep, or too many elements");
    } else if (r->depth == 1) {
        begin_document(r, name);
    } else if (r->depth == 2 && is_named(r, name, MANSIO_STR("Request"))) {
        if (r->has_request) {
            stop(r, MANSIO_E_INVALID, "two requests");
        }
        r->is_request = r->has_request = 1;
    } else if (r->depth == 3 && r->is_request) {
        begin_field(r, name);
    } else if (r->field != FIELD_NONE) {
        stop(r, MANSIO_E_INVALID, "an element where text belongs");
    }
}

static void XMLCALL on_end(void *arg, const XML_Char *element)
{
    struct reader *r = arg;

    (void)element;
    r->depth--;
    if (r->depth == 2) {
        r->field = FIELD_NONE;
    } else if (r->depth == 1) {
        r->is_request = 0;
    }
}

static void XMLCALL on_text(void *arg, const XML_Char *bytes, int len)
{
    struct reader *r = arg;
    struct text *text = &r->texts[r->field];

    if (r->rc < 0 || r->field == FIELD_NONE) {
        return;
    }
    if ((size_t)len > TEXT_MAX - text->len) {
        stop(r, MANSIO_E_LIMIT, "too long a text");
        return;
    }
    memcpy(text->bytes + text->len, bytes, (size_t)len);
    text->len += (size_t)len;
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    stop(arg, MANSIO_E_INVALID, "a document type");
}

/* What HTTP says counts more than what the document says, and a byte order mark, as expat has it,
 * more than both (RFC 7303 3): there are clients that write encoding="utf-16" into UTF-8. */
static const char *encoding_of(struct mansio_str charset)
{
    return mansio_str_ieq(charset, MANSIO_STR("utf-8")) ? "UTF-8" : NULL;
}

static int parse(struct reader *r, const struct mansio_str *parts, size_t part_count)
{
    size_t total = 0;

    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    for (size_t i = 0; i <= part_count; i++) {
        struct mansio_str part = i < part_count ? parts[i] : MANSIO_STR("");
        total += part.len;
        if (total > AUTODISCOVER_REQUEST_MAX) {
            return mansio_fail(MANSIO_E_LIMIT, "a request of more than %d bytes",
                               AUTODISCOVER_REQUEST_MAX);
        }
        if (XML_Parse(r->parser, part.ptr, (int)part.len, i == part_count) != XML_STATUS_OK) {
            return r->rc < 0 ? mansio_fail(r->rc, "%s", r->fault)
                             : mansio_fail(MANSIO_E_INVALID, "XML: %s",
                                           XML_ErrorString(XML_GetErrorCode(r->parser)));
        }
    }
    return 0;
}

static struct mansio_str text_of(const struct reader *r, uint32_t field)
{
    return (struct mansio_str){r->texts[field].bytes, r->texts[field].len};
}

static uint32_t schema_of(struct mansio_str name)
{
    for (size_t i = 0; i < MANSIO_COUNT(outlook_schemas); i++) {
        if (mansio_str_ieq(name, outlook_schemas[i])) {
            return AUTODISCOVER_SCHEMA_OUTLOOK;
        }
    }
    return AUTODISCOVER_SCHEMA_OTHER;
}

/* Take out of a whole document what was asked. */
static int take(struct mansio_arena *arena, const struct reader *r,
                struct autodiscover_request *out)
{
    struct mansio_str schema = autodiscover_trim(text_of(r, FIELD_SCHEMA)), text;
    struct autodiscover_request request = {.schema = schema_of(schema)};
    int rc = 0;

    if (schema.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "no AcceptableResponseSchema");
    }
    if (r->texts[FIELD_ADDRESS].is_there) {
        rc = mansio_arena_copy(arena, text_of(r, FIELD_ADDRESS), &text);
        rc = rc < 0 ? rc : autodiscover_address_parse(text, &request.address);
    } else if (!r->texts[FIELD_LEGACY_DN].is_there) {
        rc = mansio_fail(MANSIO_E_INVALID, "neither EMailAddress nor LegacyDN");
    }
    if (rc == 0) {
        *out = request;
    }
    return rc;
}

int autodiscover_request_read(struct mansio_arena *arena, const struct mansio_str *parts,
                              size_t part_count, struct mansio_str charset,
                              struct autodiscover_request *out)
{
    MANSIO_SCRATCH_BEGIN(scratch);
    struct reader *r = mansio_arena_alloc(scratch, sizeof *r);

    r->parser = XML_ParserCreateNS(encoding_of(charset), SEPARATOR);
    int rc = r->parser != NULL ? parse(r, parts, part_count)
                               : mansio_fail(MANSIO_E_LIMIT, "no memory for an XML parser");
    if (r->parser != NULL) {
        XML_ParserFree(r->parser);
    }
    rc = rc < 0 ? rc : take(arena, r, out);
    MANSIO_SCRATCH_END(scratch);
    return rc;
}
