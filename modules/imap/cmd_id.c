/*
 * ID (RFC 2971): who talks to whom. What a client says of itself is for the log alone.
 */
#include "commands.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/settings.h>
#include <mansio/str.h>

#include "reply.h"

enum {
    FIELDS_MAX = 30, /* RFC 2971 3.3 */
    FIELD_MAX = 30,
    VALUE_MAX = 1024,
};

struct client {
    struct mansio_str name, version;
};

/* A field and its value, which may be NIL. */
static int parse_field(struct imap_cursor *cursor, struct client *client)
{
    struct mansio_str field, value = MANSIO_STR_NONE;
    int rc = imap_parse_string(cursor, &field);
    if (rc == 0) {
        rc = imap_parse_space(cursor);
    }
    if (rc == 0 && !imap_parse_word(cursor, MANSIO_STR("NIL"))) {
        rc = imap_parse_string(cursor, &value);
    }
    if (rc < 0 || field.len > FIELD_MAX || value.len > VALUE_MAX) {
        return MANSIO_E_INVALID;
    }
    if (mansio_str_ieq(field, MANSIO_STR("name"))) {
        client->name = value;
    } else if (mansio_str_ieq(field, MANSIO_STR("version"))) {
        client->version = value;
    }
    return 0;
}

static int parse_list(struct imap_cursor *cursor, struct client *client)
{
    int rc = imap_parse_char(cursor, '(');
    for (size_t i = 0; rc == 0 && !imap_parse_sees(cursor, ')'); i++) {
        if (i == FIELDS_MAX) {
            return MANSIO_E_LIMIT;
        }
        rc = i > 0 ? imap_parse_space(cursor) : 0;
        if (rc == 0) {
            rc = parse_field(cursor, client);
        }
    }
    return rc < 0 ? rc : imap_parse_char(cursor, ')');
}

int imap_cmd_id(struct imap_session *session, struct imap_cursor *cursor)
{
    struct client client = {.name = MANSIO_STR_NONE};
    struct mansio_str ours =
        mansio_settings_str(mansio_instance_settings(session->module->instance), "id_name");
    int rc = imap_parse_space(cursor);
    if (rc == 0 && !imap_parse_word(cursor, MANSIO_STR("NIL"))) {
        rc = parse_list(cursor, &client);
    }
    if (rc < 0 || imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "NIL or a list of fields and values");
    }
    if (client.name.len > 0 && !session->has_said_id) { /* once: anybody could fill the log */
        session->has_said_id = 1;
        mansio_log(MANSIO_LOG_INFO, "client-id", MANSIO_KV_STR("name", client.name),
                   MANSIO_KV_STR("version", client.version), MANSIO_KV_END);
    }
    if (ours.len > 0) {
        mansio_buf_add(session->out, MANSIO_STR("* ID (\"name\" "));
        imap_reply_string(session->out, ours);
        mansio_buf_add(session->out, MANSIO_STR(")\r\n"));
    } else {
        imap_reply_untagged(session->out, "ID NIL");
    }
    return imap_end_with(session, IMAP_OK, "Nice to meet you");
}
