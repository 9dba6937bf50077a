/*
 * Words that many accounts share, kept once: ten thousand accounts of a tenant have the same words
 * of platform, plan, tenant and domain, and most have none of their own. Found by all that they
 * say, as bytes. Doesn't know accounts.
 */
#include "core/host/standing.h"

#include <mansio/account.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>

enum {
    RULES_MAX = 4 * 1024 * 1024, /* kinds of them at once: one an account, at worst */
    /* Bytes of all words of a standing. What a directory lets be said must fit: 5 scopes of 64
     * words and 4,000 networks, each word with 32 mechanisms and 64 hours a day (modules/postgres).
     */
    WORDS_MAX = 8 * 1024 * 1024,
};

/* One a process. */
static struct {
    struct mansio_arena *arena;
    struct mansio_map *by_key;
} shared;

/* ---- as bytes ------------------------------------------------------------------------------- */

static void add_number(struct mansio_buf *out, uint64_t number)
{
    (void)mansio_buf_add(out, (struct mansio_str){(const char *)&number, sizeof number});
}

static void add_text(struct mansio_buf *out, struct mansio_str text)
{
    add_number(out, text.len);
    (void)mansio_buf_add(out, text);
}

static void add_texts(struct mansio_buf *out, const struct mansio_str *texts, size_t count)
{
    add_number(out, count);
    for (size_t i = 0; i < count; i++) {
        add_text(out, texts[i]);
    }
}

static void add_word(struct mansio_buf *out, const struct mansio_policy_word *word)
{
    const uint32_t numbers[] = {
        word->scope,     word->verb,         word->is_locked,       word->tls,
        word->has_hours, word->has_networks, word->credential_kinds};
    for (size_t i = 0; i < MANSIO_COUNT(numbers); i++) {
        add_number(out, numbers[i]);
    }
    add_text(out, word->service);
    add_text(out, word->owner);
    add_texts(out, word->networks, word->network_count);
    add_texts(out, word->mechanisms, word->mechanism_count);
    add_number(out, word->hour_count);
    for (size_t i = 0; i < word->hour_count; i++) {
        add_number(out, (uint64_t)word->hours[i].from_us);
        add_number(out, (uint64_t)word->hours[i].until_us);
    }
}

/* All that tells one from another. How far hours are known bears on those alone that have some. */
static int print_key(struct mansio_buf *out, const struct mansio_standing *standing,
                     struct mansio_str plan)
{
    int has_hours = 0;
    add_text(out, plan);
    add_number(out, standing->default_verb);
    for (size_t i = 0; i < standing->word_count; i++) {
        if (standing->words[i]->size < CORE_POLICY_WORD_SIZE_MIN) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "the directory told a word of %zu bytes",
                               standing->words[i]->size);
        }
        has_hours |= standing->words[i]->has_hours != 0;
        add_word(out, standing->words[i]);
    }
    add_number(out, has_hours ? (uint64_t)standing->hours_known_us : 0);
    return mansio_buf_status(out);
}

/* ---- taking and giving ---------------------------------------------------------------------- */

static int make(const struct mansio_standing *standing, struct mansio_str plan,
                struct mansio_str key, struct core_rules **out)
{
    struct mansio_arena *arena = mansio_arena_new(shared.arena, "rules", 4 * WORDS_MAX);
    struct core_rules *rules = mansio_arena_alloc(arena, sizeof *rules);
    *rules = (struct core_rules){.arena = arena, .refs = 1};
    int rc = core_policy_make(arena, standing, &rules->policy);
    if (rc == 0) {
        rc = mansio_arena_copy(arena, plan, &rules->plan);
    }
    if (rc == 0) {
        rc = mansio_arena_copy(arena, key, &rules->key);
    }
    if (rc == 0) {
        rc = mansio_map_put(shared.by_key, rules->key, rules);
    }
    if (rc < 0) {
        mansio_arena_free(arena);
        return rc;
    }
    *out = rules;
    return 0;
}

int core_rules_take(const struct mansio_standing *standing, struct core_rules **out)
{
    struct mansio_str plan = standing->account != NULL ? standing->account->plan : MANSIO_STR_NONE;
    if (shared.arena == NULL) {
        shared.arena = mansio_arena_new(NULL, "policy", 0);
        shared.by_key = mansio_map_new(shared.arena, RULES_MAX);
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "rules.key", 4 * WORDS_MAX);
    struct mansio_buf *key = mansio_buf_new(arena, WORDS_MAX);
    int rc = print_key(key, standing, plan);
    if (rc == 0) {
        *out = mansio_map_get(shared.by_key, mansio_buf_str(key));
        if (*out != NULL) {
            (*out)->refs++;
        } else {
            rc = make(standing, plan, mansio_buf_str(key), out);
        }
    }
    mansio_arena_free(arena);
    return rc;
}

void core_rules_give(struct core_rules *rules)
{
    if (rules == NULL || --rules->refs > 0) {
        return;
    }
    (void)mansio_map_remove(shared.by_key, rules->key);
    mansio_arena_free(rules->arena);
    if (mansio_map_count(shared.by_key) == 0) {
        mansio_arena_free(shared.arena);
        shared.arena = NULL;
        shared.by_key = NULL;
    }
}

size_t core_rules_count(void)
{
    return shared.by_key != NULL ? mansio_map_count(shared.by_key) : 0;
}
