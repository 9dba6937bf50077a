/*
 * `mansioctl policy explain`: what the gate would say to somebody, and why. Judged here, by the
 * gate's own function, over what the directory has now.
 */
#include "core/ctl/ctl.h"
#include "core/ctl/explain.h"
#include "core/ctl/policy_read.h"
#include "core/ctl/show.h"
#include "core/ctl/when.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum { FACT_TEXT_MAX = 64 };

/* From the command line to an explanation. */
struct explaining {
    struct core_ctl *ctl;
    struct core_ctl_subject subject;
    struct core_policy_facts facts;
    struct mansio_str network;
    const struct core_policy *policy; /* NULL until the standing was read */
    size_t main_count, app_count;     /* credentials that are good for this, then */
    int64_t at_us;                    /* 0: now */
    json_t *assumed, *notes;
};

/* ---- what is asked ------------------------------------------------------------------------------
 */

static void assume(struct explaining *explaining, const char *fact)
{
    json_array_append_new(explaining->assumed, json_string(fact));
}

static int read_network(struct explaining *explaining, const char *text)
{
    explaining->network = mansio_str_from_cstr(text);
    if (text == NULL) {
        explaining->facts.peer = (struct core_network){.family = CORE_NETWORK_IPV4, .prefix = 32};
        return 0;
    }
    if (core_network_of_ip(explaining->network, &explaining->facts.peer) < 0) {
        return mansio_fail(MANSIO_E_INVALID, "--network %s: expected an address, or unix", text);
    }
    return 0;
}

/* A unix socket counts as protected: nothing of it goes over a wire. */
static int read_tls(struct explaining *explaining, const struct core_ctl_args *args)
{
    int is_with = core_ctl_option(args, "--tls") != NULL;
    int is_without = core_ctl_option(args, "--no-tls") != NULL;
    int is_unix = explaining->facts.peer.family == CORE_NETWORK_UNIX;
    if (is_with && is_without) {
        return mansio_fail(MANSIO_E_INVALID, "--tls and --no-tls at once");
    }
    explaining->facts.is_protected = is_unix || !is_without;
    if (!is_with && !is_without && !is_unix) {
        assume(explaining, "tls");
    }
    return 0;
}

static int read_kind(struct explaining *explaining, const char *text)
{
    explaining->facts.credential_kind = MANSIO_CREDENTIAL_MAIN;
    if (text == NULL) {
        assume(explaining, "credential");
        return 0;
    }
    for (uint32_t kind = MANSIO_CREDENTIAL_MAIN; kind <= MANSIO_CREDENTIAL_CERTIFICATE; kind++) {
        if (strcmp(core_ctl_credential_name(kind), text) == 0) {
            explaining->facts.credential_kind = kind;
            return 0;
        }
    }
    return mansio_fail(MANSIO_E_INVALID, "--credential %s: expected main, app or certificate",
                       text);
}

static int read_facts(struct explaining *explaining, const struct core_ctl_args *args)
{
    struct core_policy_facts *facts = &explaining->facts;
    const char *service = core_ctl_option(args, "--service");
    const char *mechanism = core_ctl_option(args, "--mechanism");
    const char *at = core_ctl_option(args, "--at");
    facts->service = mansio_str_from_cstr(service);
    facts->mechanism = mansio_str_from_cstr(mechanism != NULL ? mechanism : "PLAIN");
    int rc = service != NULL ? core_ctl_check_service(facts->service)
                             : mansio_fail(MANSIO_E_INVALID, "policy explain needs --service");
    if (rc == 0) {
        rc = read_network(explaining, core_ctl_option(args, "--network"));
    }
    if (rc == 0) {
        rc = read_tls(explaining, args);
    }
    if (rc == 0 && mechanism == NULL) {
        assume(explaining, "mechanism");
    } else if (rc == 0 && (mechanism[0] == '\0' || strlen(mechanism) > FACT_TEXT_MAX)) {
        rc = mansio_fail(MANSIO_E_INVALID, "--mechanism %s: expected the name of one", mechanism);
    }
    if (rc == 0) {
        rc = read_kind(explaining, core_ctl_option(args, "--credential"));
    }
    facts->now_us = mansio_wall_us();
    if (rc == 0 && at == NULL) {
        assume(explaining, "at");
    } else if (rc == 0) {
        rc = core_ctl_time_parse(mansio_str_from_cstr(at), &explaining->at_us);
        facts->now_us = rc == 0 ? explaining->at_us : facts->now_us;
    }
    return rc;
}

/* ---- what the directory has ---------------------------------------------------------------------
 */

static int is_good_for(const struct mansio_standing_credential *credential,
                       const struct core_policy_facts *facts)
{
    if (credential->expires_us != 0 && credential->expires_us <= facts->now_us) {
        return 0;
    }
    for (size_t i = 0; i < credential->service_count; i++) {
        if (mansio_str_eq(credential->services[i], facts->service)) {
            return 1;
        }
    }
    return credential->service_count == 0;
}

static int take_standing(void *arg, const struct mansio_standing *standing)
{
    struct explaining *explaining = arg;
    for (size_t i = 0; i < standing->credential_count; i++) {
        const struct mansio_standing_credential *credential = standing->credentials[i];
        int is_good = is_good_for(credential, &explaining->facts);
        explaining->main_count += is_good && credential->kind == MANSIO_CREDENTIAL_MAIN;
        explaining->app_count += is_good && credential->kind == MANSIO_CREDENTIAL_APP;
    }
    return core_policy_make(explaining->ctl->arena, standing, &explaining->policy);
}

static int read_standing(struct explaining *explaining)
{
    const struct core_ctl_admin *admin = explaining->ctl->admin;
    struct mansio_str address = explaining->subject.account->address;
    int rc = CORE_CTL_OFFERED(explaining->ctl, standing_list);
    if (rc == 0) {
        rc = admin->directory.standing_list(admin->instance, MANSIO_POLICY_ACCOUNT, address,
                                            explaining->at_us, take_standing, explaining,
                                            core_ctl_deadline(explaining->ctl, CORE_CTL_STEP_US));
    }
    if (rc == 0 && explaining->policy == NULL) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no account %.*s", MANSIO_STR_ARG(address));
    }
    return rc;
}

/* Any network would do where no word asks for one; where one does, guessing would mislead. */
static int check_network(const struct explaining *explaining)
{
    const struct core_policy *policy = explaining->policy;
    for (size_t i = 0; explaining->network.len == 0 && i < policy->word_count; i++) {
        const struct mansio_policy_word *word = policy->words[i].word;
        if (mansio_str_eq(word->service, explaining->facts.service) &&
            (word->has_networks || word->network_count > 0)) {
            return mansio_fail(MANSIO_E_INVALID,
                               "the %s's word on %.*s has a condition on networks: say --network "
                               "ADDRESS, or --network unix",
                               core_ctl_scope_name(word->scope), MANSIO_STR_ARG(word->service));
        }
    }
    return 0;
}

static void note_credentials(struct explaining *explaining)
{
    uint32_t kind = explaining->facts.credential_kind;
    struct mansio_str text = MANSIO_STR_NONE, service = explaining->facts.service;
    int rc = 0;
    if (kind == MANSIO_CREDENTIAL_MAIN && explaining->main_count == 0) {
        text = MANSIO_STR("note: the account has no main password");
    } else if (kind == MANSIO_CREDENTIAL_APP && explaining->app_count == 0) {
        rc = mansio_arena_printf(explaining->ctl->arena, &text,
                                 "note: the account has no app password that is good for %.*s",
                                 MANSIO_STR_ARG(service));
    }
    if (rc == 0 && text.len > 0) {
        json_array_append_new(explaining->notes, json_stringn(text.ptr, text.len));
    }
}

/* ---- the answer ---------------------------------------------------------------------------------
 */

static int answer(struct explaining *explaining)
{
    struct core_ctl *ctl = explaining->ctl;
    struct core_policy_verdict verdict;
    json_t *words[CORE_POLICY_SCOPES] = {NULL};
    struct core_ctl_explained explained = {
        .asked = explaining->subject.asked,
        .account = explaining->subject.account,
        .facts = &explaining->facts,
        .verdict = &verdict,
        .default_verb = explaining->policy->default_verb,
        .network = explaining->network,
        .assumed = explaining->assumed,
        .notes = explaining->notes,
    };
    int rc = 0, exit_code = CORE_CTL_OK;
    core_policy_judge(explaining->policy, &explaining->facts, &verdict);
    for (uint32_t i = 0; rc == 0 && i < CORE_POLICY_SCOPES; i++) {
        explained.owners[i] = core_ctl_owner(&explaining->subject, i + 1);
        if (verdict.scopes[i].word != NULL) {
            rc = core_ctl_read_word(ctl, i + 1, explained.owners[i], explaining->facts.service,
                                    &words[i]);
        }
        explained.words[i] = words[i];
    }
    json_t *json = rc == 0 ? core_ctl_explain_json(ctl->arena, &explained) : NULL;
    if (rc < 0) {
        exit_code = core_ctl_failed(ctl, rc);
    } else if (ctl->is_json) {
        exit_code = core_ctl_show_json(ctl, json);
    } else {
        struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
        exit_code = core_ctl_explain_text(ctl, json, out);
        exit_code = exit_code == CORE_CTL_OK ? core_ctl_write(ctl, mansio_buf_str(out)) : exit_code;
        mansio_buf_release(out);
    }
    json_decref(json);
    for (size_t i = 0; i < CORE_POLICY_SCOPES; i++) {
        json_decref(words[i]);
    }
    return exit_code;
}

int core_ctl_cmd_policy_explain(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    struct explaining explaining = {.ctl = ctl, .assumed = json_array(), .notes = json_array()};
    int rc = read_facts(&explaining, args);
    if (rc == 0) {
        rc = core_ctl_find_subject(ctl, args->operand, &explaining.subject);
    }
    if (rc == 0) {
        rc = read_standing(&explaining);
    }
    if (rc == 0) {
        rc = check_network(&explaining);
    }
    if (rc == 0) {
        note_credentials(&explaining);
    }
    int exit_code = rc < 0 ? core_ctl_failed(ctl, rc) : answer(&explaining);
    json_decref(explaining.assumed);
    json_decref(explaining.notes);
    return exit_code;
}
