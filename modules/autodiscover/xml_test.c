/*
 * XML going out.
 */
#include "core/base/testing.h"

#include "xml.h"

static struct mansio_arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static int end_arena(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static void escapes(void **state)
{
    static const struct {
        const char *text, *as;
    } rows[] = {
        {"", ""},
        {"plain \xc3\xa4", "plain \xc3\xa4"},
        {"<a href=\"x\">'&amp;'</a>",
         "&lt;a href=&quot;x&quot;&gt;&apos;&amp;amp;&apos;&lt;/a&gt;"},
        {"a\tb\r\nc", "a&#9;b&#13;&#10;c"},
        {"]]>", "]]&gt;"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_buf *out = mansio_buf_new(arena, 1000);
        autodiscover_xml_escape(out, core_test_slice(rows[i].text));
        core_test_str(mansio_buf_str(out), rows[i].as);
    }
}

static void nests_elements(void **state)
{
    struct mansio_buf *out = mansio_buf_new(arena, 1000);
    struct autodiscover_xml x;

    (void)state;
    autodiscover_xml_begin(&x, out);
    autodiscover_xml_open(&x, "a", "is", MANSIO_STR("\"<\""));
    autodiscover_xml_open(&x, "b", NULL, MANSIO_STR(""));
    autodiscover_xml_text(&x, "c", MANSIO_STR("1 < 2"));
    autodiscover_xml_text(&x, "d", MANSIO_STR(""));
    autodiscover_xml_close(&x, "b");
    autodiscover_xml_close(&x, "a");
    core_test_str(mansio_buf_str(out), "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                                       "<a is=\"&quot;&lt;&quot;\">\n"
                                       "  <b>\n"
                                       "    <c>1 &lt; 2</c>\n"
                                       "    <d/>\n"
                                       "  </b>\n"
                                       "</a>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes),
        cmocka_unit_test(nests_elements),
    };
    return cmocka_run_group_tests(tests, make_arena, end_arena);
}
