/*
 * Who asks, for which domain, in which form: from a request to an answer.
 *
 * Nothing here knows of accounts or policy. Who asks without a login gets what
 * mansio_session_offers() says of the domain, so nothing in an answer depends on whether there is
 * such an account; who logged in gets his own.
 */
#include "autodiscover.h"

#include <mansio/buf.h>
#include <mansio/discovery.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/settings.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "address.h"
#include "autoconfig.h"
#include "pox.h"
#include "request.h"
#include "servers.h"

enum {
    ANSWER_MAX = 65536, /* bytes: far more than AUTODISCOVER_SERVERS_MAX servers take */
};

enum route {
    ROUTE_OUTLOOK,
    ROUTE_CONFIG,
    ROUTE_CONFIG_WELL_KNOWN,
    ROUTE_CONFIG_NEW,
};

#define ROUTE(the_host, the_path, the_methods, the_flags, the_body_max)                            \
    {                                                                                              \
        .size = sizeof(struct mansio_http_route), .host = (the_host), .path = (the_path),          \
        .methods = (the_methods), .flags = MANSIO_HTTP_TAKES_LOGIN | (the_flags),                  \
        .body_max_bytes = (the_body_max)                                                           \
    }

static const struct mansio_http_route routes[] = {
    [ROUTE_OUTLOOK] =
        ROUTE(NULL, "/autodiscover/autodiscover.xml", MANSIO_HTTP_GET | MANSIO_HTTP_POST,
              MANSIO_HTTP_ANY_CASE, AUTODISCOVER_REQUEST_MAX),
    [ROUTE_CONFIG] = ROUTE("autoconfig.", "/mail/config-v1.1.xml", MANSIO_HTTP_GET, 0, 0),
    [ROUTE_CONFIG_WELL_KNOWN] =
        ROUTE(NULL, "/.well-known/autoconfig/mail/config-v1.1.xml", MANSIO_HTTP_GET, 0, 0),
    [ROUTE_CONFIG_NEW] = ROUTE(NULL, "/.well-known/mail-v1.xml", MANSIO_HTTP_GET, 0, 0),
};

/* All about one request. */
struct asking {
    struct mansio_instance *instance;
    struct mansio_session *session;
    struct autodiscover_module *module;
    const struct mansio_http *http;
    const struct mansio_http_request *request;
    struct mansio_http_answer *answer;
    struct mansio_arena *arena;
};

static void count(const struct asking *a, size_t metric)
{
    mansio_metric_add(a->instance, metric, 1);
}

static struct mansio_str setting(const struct asking *a, const char *name)
{
    return mansio_settings_str(mansio_instance_settings(a->instance), name);
}

/* An answer hangs on who asks and from where, and on policy of this moment: nobody keeps it. */
static int put(const struct asking *a, uint32_t status, struct mansio_str type,
               struct mansio_str body)
{
    a->http->set_status(a->answer, status);
    int rc = a->http->add_header(a->answer, MANSIO_STR("Cache-Control"), MANSIO_STR("no-store"));
    return rc < 0 ? rc : a->http->set_body(a->answer, type, body);
}

static int put_xml(const struct asking *a, const struct mansio_buf *document)
{
    int rc = mansio_buf_status(document);
    return rc < 0 ? rc
                  : put(a, 200, MANSIO_STR("text/xml; charset=utf-8"), mansio_buf_str(document));
}

static int put_text(const struct asking *a, uint32_t status, struct mansio_str text)
{
    return put(a, status, MANSIO_STR("text/plain; charset=utf-8"), text);
}

/*
 * What may be told, as servers.
 *
 * @return how many there are: none for a domain that isn't ours, that may not be asked about, or
 *         that is offered nothing; an error if it can't be known now
 */
static int find(const struct asking *a, struct mansio_str domain, struct mansio_offers *offers,
                struct autodiscover_servers **out)
{
    int64_t patience = mansio_settings_int(mansio_instance_settings(a->instance), "timeout");
    struct mansio_str host;

    *out = mansio_arena_alloc(a->arena, sizeof **out);
    *offers = (struct mansio_offers){.size = sizeof *offers};
    int rc =
        mansio_session_offers(a->session, a->arena, domain, mansio_deadline_in(patience), offers);
    if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_PERMANENT) {
        return 0;
    }
    if (rc == 0) { /* settings are read after the yield: they may be others now */
        host = setting(a, "host");
        host = host.len > 0 ? host : mansio_str_from_cstr(a->module->machine);
        rc = autodiscover_servers(a->arena, offers, host, *out);
    }
    if (rc < 0) {
        count(a, AUTODISCOVER_METRIC_FAILURES);
        mansio_log(MANSIO_LOG_WARNING, "no-answer", MANSIO_KV_STR("domain", domain),
                   MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
        /* 503, even where it was a limit: the request was none too large. */
        return mansio_error_class(rc) == MANSIO_CLASS_LIMIT ? MANSIO_E_UNAVAILABLE : rc;
    }
    return (int)(*out)->count;
}

/* ---- Outlook ---------------------------------------------------------------------------------*/

static int pox_fault(const struct asking *a, uint32_t code)
{
    struct mansio_buf *document = mansio_buf_new(a->arena, ANSWER_MAX);

    count(a, code == AUTODISCOVER_POX_NOT_FOUND ? AUTODISCOVER_METRIC_NOTHING
                                                : AUTODISCOVER_METRIC_INVALID);
    autodiscover_pox_fault(document, mansio_wall_us(), a->module->machine_id, code);
    return put_xml(a, document);
}

/* The parameter charset of Content-Type; empty without one. */
static struct mansio_str charset_of(const struct asking *a)
{
    struct mansio_str rest = MANSIO_STR(""), part, prefix = MANSIO_STR("charset=");

    if (a->http->header(a->request, MANSIO_STR("content-type"), &rest) < 0) {
        return rest;
    }
    while (mansio_str_split(&rest, ';', &part)) {
        part = mansio_str_trim(part);
        if (mansio_str_istarts(part, prefix)) {
            part = mansio_str_sub(part, prefix.len, SIZE_MAX);
            int is_quoted = part.len >= 2 && part.ptr[0] == '"' && part.ptr[part.len - 1] == '"';
            return is_quoted ? mansio_str_sub(part, 1, part.len - 2) : part;
        }
    }
    return MANSIO_STR("");
}

/* Outlook asks so whether there is a better place, where no certificate has the domain's name. */
static int redirect(const struct asking *a)
{
    struct mansio_str asked = a->http->host(a->request), to = setting(a, "redirect"), url;
    int is_made = mansio_str_find(to, MANSIO_STR("%d")) >= 0; /* of the domain, which is a name */

    if ((to.len == 0 || is_made) && (!autodiscover_host_is_plain(asked) ||
                                     (is_made && mansio_str_starts(asked, MANSIO_STR("["))))) {
        count(a, AUTODISCOVER_METRIC_INVALID);
        return put_text(a, 400, MANSIO_STR("A Host is needed.\n"));
    }
    to = to.len > 0 ? to : asked;
    int rc = autodiscover_fill(a->arena, to, autodiscover_host_domain(asked), &to);
    rc = rc < 0 ? rc
                : mansio_arena_printf(a->arena, &url, "https://%.*s%s", MANSIO_STR_ARG(to),
                                      routes[ROUTE_OUTLOOK].path);
    rc = rc < 0 ? rc : a->http->add_header(a->answer, MANSIO_STR("Location"), url);
    if (rc == 0) {
        count(a, AUTODISCOVER_METRIC_REDIRECTS);
        rc = put_text(a, 302, MANSIO_STR("Ask there.\n"));
    }
    return rc;
}

static int answer_outlook(const struct asking *a)
{
    struct mansio_str body = a->http->body(a->request);
    struct autodiscover_request request;
    struct autodiscover_servers *servers = NULL;
    struct mansio_offers offers;

    if (a->http->method(a->request) != MANSIO_HTTP_POST) {
        return a->http->is_tls(a->request) ? pox_fault(a, AUTODISCOVER_POX_INVALID) : redirect(a);
    }
    if (autodiscover_request_read(a->arena, &body, 1, charset_of(a), &request) < 0) {
        mansio_log(MANSIO_LOG_DEBUG, "bad-request", MANSIO_KV_CSTR("detail", mansio_error_detail()),
                   MANSIO_KV_END);
        return pox_fault(a, AUTODISCOVER_POX_INVALID);
    }
    if (request.schema != AUTODISCOVER_SCHEMA_OUTLOOK) {
        return pox_fault(a, AUTODISCOVER_POX_NO_PROVIDER);
    }
    int found = find(a, request.address.domain, &offers, &servers);
    if (found < 0) {
        return found;
    }
    struct mansio_str address = offers.address.len > 0 ? offers.address : request.address.whole;
    struct mansio_buf *document = mansio_buf_new(a->arena, ANSWER_MAX);
    /* Nameless, and a LegacyDN instead of an address: nobody can be told what to log in with. */
    if (found == 0 || address.len == 0 ||
        autodiscover_pox_settings(document, address, servers) == 0) {
        return pox_fault(a, AUTODISCOVER_POX_NOT_FOUND);
    }
    count(a, AUTODISCOVER_METRIC_OUTLOOK);
    return put_xml(a, document);
}

/* ---- Thunderbird -----------------------------------------------------------------------------*/

static int answer_config(const struct asking *a, uint32_t version)
{
    struct autodiscover_servers *servers = NULL;
    struct autodiscover_address address;
    struct mansio_offers offers;
    struct mansio_str text, domain;

    if (a->http->query(a->request, MANSIO_STR("emailaddress"), &text) == 0 && text.len > 0) {
        if (autodiscover_address_parse(text, &address) < 0) {
            count(a, AUTODISCOVER_METRIC_INVALID);
            return put_text(a, 400, MANSIO_STR("That is no mail address.\n"));
        }
        domain = address.domain;
    } else {
        domain = autodiscover_host_domain(a->http->host(a->request));
    }
    int found = find(a, domain, &offers, &servers);
    if (found < 0) {
        return found;
    }
    const struct autodiscover_config config = {
        .version = version,
        .domain = offers.domain,
        .asked = offers.address.len > 0 ? MANSIO_STR("") : domain,
        .user = offers.address.len > 0 ? offers.address : MANSIO_STR("%EMAILADDRESS%"),
        .name = setting(a, "display_name"),
        .short_name = setting(a, "display_short_name"),
    };
    struct mansio_buf *document = mansio_buf_new(a->arena, ANSWER_MAX);
    if (found == 0 || autodiscover_config_write(document, &config, servers) == 0) {
        count(a, AUTODISCOVER_METRIC_NOTHING);
        return put_text(a, 404, MANSIO_STR("No mail settings for this domain.\n"));
    }
    count(a, AUTODISCOVER_METRIC_AUTOCONFIG);
    return put_xml(a, document);
}

static int handle(struct mansio_instance *instance, struct mansio_session *session, size_t route,
                  const struct mansio_http_request *request, struct mansio_http_answer *answer)
{
    struct autodiscover_module *module = mansio_instance_data(instance);
    const struct asking a = {
        .instance = instance,
        .session = session,
        .module = module,
        .http = &module->http,
        .request = request,
        .answer = answer,
        .arena = module->http.arena(request),
    };

    switch ((enum route)route) {
    case ROUTE_OUTLOOK:
        return answer_outlook(&a);
    case ROUTE_CONFIG:
    case ROUTE_CONFIG_WELL_KNOWN:
        return answer_config(&a, AUTODISCOVER_V1_1);
    case ROUTE_CONFIG_NEW:
        return answer_config(&a, AUTODISCOVER_V1_2);
    }
    return mansio_fail(MANSIO_E_BUG, "no route %zu", route);
}

const struct mansio_http_handler autodiscover_handler = {
    .size = sizeof autodiscover_handler,
    .service = "autodiscover",
    .routes = routes,
    .route_count = MANSIO_COUNT(routes),
    .handle = handle,
};
