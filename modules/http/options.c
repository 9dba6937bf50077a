/*
 * What the settings come to.
 */
#include "options.h"

#include <mansio/str.h>
#include <mansio/time.h>

int http_options_check(const struct mansio_settings *settings)
{
    struct mansio_str realm = mansio_settings_str(settings, "realm");
    if (!http_is_text(realm) || mansio_str_find_char(realm, '"') >= 0 ||
        mansio_str_find_char(realm, '\\') >= 0) {
        return mansio_settings_fail(settings, "realm",
                                    "expected text without controls, '\"' and '\\'");
    }
    for (size_t i = 0; i < mansio_settings_count(settings, "redirect_except"); i++) {
        if (!mansio_str_starts(mansio_settings_item(settings, "redirect_except", i),
                               MANSIO_STR("/"))) {
            return mansio_settings_fail(settings, "redirect_except",
                                        "expected paths that begin with '/'");
        }
    }
    return 0;
}

void http_options_read(const struct mansio_instance *instance, struct http_options *out)
{
    const struct mansio_settings *settings = mansio_instance_settings(instance);
    *out = (struct http_options){
        .limits = {.head_bytes = (size_t)mansio_settings_int(settings, "head"),
                   .target_bytes = (size_t)mansio_settings_int(settings, "target"),
                   .fields = (size_t)mansio_settings_int(settings, "fields")},
        .body_bytes = (uint64_t)mansio_settings_int(settings, "body"),
        .requests = (uint32_t)mansio_settings_int(settings, "requests"),
        .login_failures = (uint32_t)mansio_settings_int(settings, "login_failures"),
        .idle_us = mansio_settings_int(settings, "idle_timeout"),
        .head_us = mansio_settings_int(settings, "head_timeout"),
        .body_us = mansio_settings_int(settings, "body_timeout"),
        .answer_us = mansio_settings_int(settings, "answer_timeout"),
        .login_us = mansio_settings_int(settings, "login_timeout"),
        .rate = mansio_settings_int(settings, "rate"),
        .redirects = (uint32_t)mansio_settings_int(settings, "redirect"),
        .redirect_port = (uint32_t)mansio_settings_int(settings, "redirect_port"),
        .hsts_seconds = mansio_settings_int(settings, "hsts") / MANSIO_SECOND,
    };
}
