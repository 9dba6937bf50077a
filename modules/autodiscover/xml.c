/*
 * Writes XML. There is no tree: who builds an answer opens and closes elements in order.
 */
#include "xml.h"

#include <mansio/str.h>

enum {
    INDENT = 2,
};

void autodiscover_xml_escape(struct mansio_buf *out, struct mansio_str text)
{
    static const struct {
        char c;
        struct mansio_str as;
    } rows[] = {
        {'&', MANSIO_STR("&amp;")},  {'<', MANSIO_STR("&lt;")},    {'>', MANSIO_STR("&gt;")},
        {'"', MANSIO_STR("&quot;")}, {'\'', MANSIO_STR("&apos;")}, {'\t', MANSIO_STR("&#9;")},
        {'\n', MANSIO_STR("&#10;")}, {'\r', MANSIO_STR("&#13;")},
    };

    for (size_t i = 0; i < text.len; i++) {
        struct mansio_str piece = {text.ptr + i, 1};
        for (size_t k = 0; k < MANSIO_COUNT(rows); k++) {
            piece = text.ptr[i] == rows[k].c ? rows[k].as : piece;
        }
        mansio_buf_add(out, piece);
    }
}

static void indent(struct autodiscover_xml *x)
{
    mansio_buf_printf(x->out, "%*s", (int)(x->depth * INDENT), "");
}

void autodiscover_xml_begin(struct autodiscover_xml *x, struct mansio_buf *out)
{
    *x = (struct autodiscover_xml){.out = out};
    mansio_buf_add(out, MANSIO_STR("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"));
}

void autodiscover_xml_open(struct autodiscover_xml *x, const char *name, const char *attribute,
                           struct mansio_str value)
{
    indent(x);
    mansio_buf_printf(x->out, "<%s", name);
    if (attribute != NULL) {
        mansio_buf_printf(x->out, " %s=\"", attribute);
        autodiscover_xml_escape(x->out, value);
        mansio_buf_add_char(x->out, '"');
    }
    mansio_buf_add(x->out, MANSIO_STR(">\n"));
    x->depth++;
}

void autodiscover_xml_close(struct autodiscover_xml *x, const char *name)
{
    x->depth--;
    indent(x);
    mansio_buf_printf(x->out, "</%s>\n", name);
}

void autodiscover_xml_text(struct autodiscover_xml *x, const char *name, struct mansio_str text)
{
    indent(x);
    if (text.len == 0) {
        mansio_buf_printf(x->out, "<%s/>\n", name);
        return;
    }
    mansio_buf_printf(x->out, "<%s>", name);
    autodiscover_xml_escape(x->out, text);
    mansio_buf_printf(x->out, "</%s>\n", name);
}
