/*
 * XML going out: elements with escaped text, indented, appended to a buffer. Pure.
 *
 * Names are ours; texts must be text (address.h). The caller asks mansio_buf_status() at the end.
 */
#ifndef MANSIO_MODULES_AUTODISCOVER_XML_H
#define MANSIO_MODULES_AUTODISCOVER_XML_H

#include <mansio/base.h>
#include <mansio/buf.h>

/** A document being written. */
struct autodiscover_xml {
    struct mansio_buf *out;
    uint32_t depth;
};

/** Begin a document: <?xml ...?> */
void autodiscover_xml_begin(struct autodiscover_xml *x, struct mansio_buf *out);

/** <name attribute="value">, and with @p attribute NULL <name>; what follows lies in it. */
void autodiscover_xml_open(struct autodiscover_xml *x, const char *name, const char *attribute,
                           struct mansio_str value);

/** </name> */
void autodiscover_xml_close(struct autodiscover_xml *x, const char *name);

/** <name>text</name>, or <name/> without text. */
void autodiscover_xml_text(struct autodiscover_xml *x, const char *name, struct mansio_str text);

/** Text as it stands between tags and in attributes. */
void autodiscover_xml_escape(struct mansio_buf *out, struct mansio_str text);

#endif
