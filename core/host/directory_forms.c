/*
 * The forms of directory objects: which kinds there are, and which fields each has. One table for
 * whoever stores them, shows them and changes them. Knows no values.
 */
#include <mansio/directory.h>

static const char *const states[] = {"active", "suspended", "closed", NULL};
static const char *const quota_replies[] = {"temporary", "permanent", NULL};
static const char *const credential_kinds[] = {"main", "app", NULL};
static const char *const verbs[] = {"allow", "deny", NULL};
static const char *const tls_words[] = {"required", "absent", NULL};
static const char *const scopes[] = {"platform", "plan", "tenant", "domain", "account", NULL};

#define FIELD(...)                                                                                 \
    {                                                                                              \
        .size = sizeof(struct mansio_field_form), __VA_ARGS__                                      \
    }
#define STATE                                                                                      \
    FIELD(.name = "state", .type = MANSIO_FIELD_CHOICE, .choices = states,                         \
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_FILTER,                                     \
          .help = "active; suspended: no login; closed: no login, no mail")
#define DESCRIPTION                                                                                \
    FIELD(.name = "description", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_IN_LIST,         \
          .help = "for people")
#define CREATED                                                                                    \
    FIELD(.name = "created", .type = MANSIO_FIELD_TIME, .flags = MANSIO_FIELD_READ_ONLY,           \
          .help = "when it was added")
#define TENANT(more)                                                                               \
    FIELD(.name = "tenant", .type = MANSIO_FIELD_TEXT,                                             \
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_FILTER | (more), .help = "whose it is")
/* What a tenant says for itself, and the platform for all who say nothing. */
#define HABITS                                                                                     \
    FIELD(.name = "password_scheme", .type = MANSIO_FIELD_TEXT,                                    \
          .help = "how new passwords are stored: ARGON2ID, SHA512-CRYPT, ..."),                    \
        FIELD(.name = "upgrade_passwords", .type = MANSIO_FIELD_BOOL,                              \
              .help = "store a password anew in that scheme when its owner logs in"),              \
        FIELD(.name = "quota_reply", .type = MANSIO_FIELD_CHOICE, .choices = quota_replies,        \
              .help = "what senders are told when a mailbox is full: 4.2.2 or 5.2.2"),             \
        FIELD(.name = "subaddress_separator", .type = MANSIO_FIELD_TEXT,                           \
              .help = "characters that begin a sub-address: \"+\", \"+-\"; \"none\" for none"),    \
        FIELD(.name = "postmaster", .type = MANSIO_FIELD_TEXT,                                     \
              .help = "an address that gets mail for postmaster where a domain has none")

static const struct mansio_field_form platform_fields[] = {
    HABITS,
    FIELD(.name = "policy_default", .type = MANSIO_FIELD_CHOICE, .choices = verbs,
          .flags = MANSIO_FIELD_REQUIRED,
          .help = "whether an account may use a service that no scope says a word of"),
};

static const struct mansio_field_form plan_fields[] = {
    DESCRIPTION,
    CREATED,
};

static const struct mansio_field_form tenant_fields[] = {
    FIELD(.name = "plan", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_FILTER, .help = "the plan it has"),
    STATE,
    FIELD(.name = "pool", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_ADD_ONLY | MANSIO_FIELD_FILTER,
          .help = "the instance that stores its mail; left out: the only one"),
    HABITS,
    FIELD(.name = "scram", .type = MANSIO_FIELD_BOOL, .flags = MANSIO_FIELD_READ_ONLY,
          .help = "whether every credential of it can do SCRAM-SHA-256"),
    DESCRIPTION,
    CREATED,
};

static const struct mansio_field_form domain_fields[] = {
    TENANT(MANSIO_FIELD_REQUIRED | MANSIO_FIELD_ADD_ONLY),
    FIELD(.name = "alias_of", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_ADD_ONLY,
          .help = "a domain of the same tenant whose addresses are valid here too"),
    STATE,
    CREATED,
};

static const struct mansio_field_form account_fields[] = {
    TENANT(MANSIO_FIELD_READ_ONLY),
    FIELD(.name = "domain", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER, .help = "its login's domain"),
    FIELD(.name = "plan", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_FILTER,
          .help = "a plan of its own; left out: its tenant's"),
    STATE,
    DESCRIPTION,
    FIELD(.name = "addresses", .type = MANSIO_FIELD_LIST, .flags = MANSIO_FIELD_READ_ONLY,
          .help = "every address that leads to it"),
    CREATED,
};

static const struct mansio_field_form address_fields[] = {
    TENANT(MANSIO_FIELD_READ_ONLY),
    FIELD(.name = "domain", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER, .help = "its domain"),
    FIELD(.name = "accounts", .type = MANSIO_FIELD_LIST,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_REQUIRED,
          .help = "the accounts of the same tenant that it leads to"),
    FIELD(.name = "account", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER,
          .help = "addresses that lead to this account"),
    CREATED,
};

static const struct mansio_field_form credential_fields[] = {
    FIELD(.name = "stored", .type = MANSIO_FIELD_SECRET, .flags = MANSIO_FIELD_REQUIRED,
          .help = "the stored form, as an auth module makes it"),
    FIELD(.name = "scheme", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_IN_LIST,
          .help = "the scheme of the stored form"),
    FIELD(.name = "scram", .type = MANSIO_FIELD_BOOL, .flags = MANSIO_FIELD_IN_LIST,
          .help = "whether the stored form has SCRAM-SHA-256 keys"),
    FIELD(.name = "kind", .type = MANSIO_FIELD_CHOICE, .choices = credential_kinds,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY, .help = "main or app"),
    FIELD(.name = "account", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER, .help = "whose it is"),
    CREATED,
    FIELD(.name = "services", .type = MANSIO_FIELD_LIST, .flags = MANSIO_FIELD_IN_LIST,
          .help = "of an app password: the services that it is good for; left out: all"),
    FIELD(.name = "expires", .type = MANSIO_FIELD_TIME, .flags = MANSIO_FIELD_IN_LIST,
          .help = "of an app password: when it ends; left out: never"),
    FIELD(.name = "last_used", .type = MANSIO_FIELD_TIME,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY,
          .help = "when it let somebody in, about"),
    FIELD(.name = "last_service", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_READ_ONLY,
          .help = "to which service"),
    FIELD(.name = "last_network", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_READ_ONLY,
          .help = "from which address"),
};

static const struct mansio_field_form quota_fields[] = {
    FIELD(.name = "bytes", .type = MANSIO_FIELD_BYTES, .flags = MANSIO_FIELD_IN_LIST,
          .help = "of an account's mail; of a tenant or plan: what each of its accounts may have"),
    FIELD(.name = "messages", .type = MANSIO_FIELD_NUMBER, .flags = MANSIO_FIELD_IN_LIST,
          .help = "number of an account's messages, likewise"),
    FIELD(.name = "message_bytes", .type = MANSIO_FIELD_BYTES, .flags = MANSIO_FIELD_IN_LIST,
          .help = "largest message, likewise"),
    FIELD(.name = "accounts", .type = MANSIO_FIELD_NUMBER, .flags = MANSIO_FIELD_IN_LIST,
          .help = "accounts of a tenant; not of an account"),
    FIELD(.name = "domains", .type = MANSIO_FIELD_NUMBER, .flags = MANSIO_FIELD_IN_LIST,
          .help = "domains of a tenant; not of an account"),
    FIELD(.name = "sessions", .type = MANSIO_FIELD_NUMBER,
          .help = "open at once of an account, on each node; from its next login on"),
    FIELD(.name = "messages_hour", .type = MANSIO_FIELD_NUMBER,
          .help = "that an account may send in an hour, likewise"),
    FIELD(.name = "recipients_hour", .type = MANSIO_FIELD_NUMBER,
          .help = "to which an account may send in an hour, likewise"),
    FIELD(.name = "used_bytes", .type = MANSIO_FIELD_BYTES,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY, .help = "held now"),
    FIELD(.name = "used_messages", .type = MANSIO_FIELD_NUMBER,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY, .help = "held now"),
};

static const struct mansio_field_form audit_fields[] = {
    FIELD(.name = "time", .type = MANSIO_FIELD_TIME,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY, .help = "when"),
    FIELD(.name = "actor", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER,
          .help = "who"),
    FIELD(.name = "action", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY, .help = "add, set, remove"),
    FIELD(.name = "kind", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER,
          .help = "of which kind of object"),
    FIELD(.name = "object", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER,
          .help = "its key"),
    TENANT(MANSIO_FIELD_READ_ONLY),
    FIELD(.name = "before", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_READ_ONLY,
          .help = "JSON of what was; no secrets"),
    FIELD(.name = "after", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_READ_ONLY,
          .help = "JSON of what is; no secrets"),
    FIELD(.name = "reason", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_READ_ONLY, .help = "why"),
    FIELD(.name = "hash", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_READ_ONLY,
          .help = "SHA-256 over this row and the hash of the one before; noted elsewhere, it proves"
                  " all of them"),
};

/* A word is wholly replaced by one that is given a verb; without a verb, what is given changes. */
static const struct mansio_field_form policy_fields[] = {
    FIELD(.name = "verb", .type = MANSIO_FIELD_CHOICE, .choices = verbs,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_REQUIRED,
          .help = "what the scope says of the service"),
    FIELD(.name = "locked", .type = MANSIO_FIELD_BOOL, .flags = MANSIO_FIELD_IN_LIST,
          .help = "whether more special scopes have no say behind it"),
    FIELD(.name = "networks", .type = MANSIO_FIELD_LIST, .flags = MANSIO_FIELD_IN_LIST,
          .help = "it holds for peers in one of these: CIDR, \"unix\", names of networks"),
    FIELD(.name = "tls", .type = MANSIO_FIELD_CHOICE, .choices = tls_words,
          .flags = MANSIO_FIELD_IN_LIST, .help = "it holds with TLS, or without"),
    FIELD(.name = "mechanisms", .type = MANSIO_FIELD_LIST, .flags = MANSIO_FIELD_IN_LIST,
          .help = "it holds for these of SASL; PASSWORD is USER and PASS"),
    FIELD(.name = "credentials", .type = MANSIO_FIELD_LIST, .flags = MANSIO_FIELD_IN_LIST,
          .help = "it holds for these kinds: main, app, certificate"),
    FIELD(.name = "hours", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_IN_LIST,
          .help = "it holds then: \"Mon-Fri 08:00-18:00, Sat 09:00-12:00\""),
    FIELD(.name = "zone", .type = MANSIO_FIELD_TEXT, .flags = MANSIO_FIELD_IN_LIST,
          .help = "of the hours: \"Europe/Berlin\""),
    TENANT(MANSIO_FIELD_READ_ONLY),
    FIELD(.name = "scope", .type = MANSIO_FIELD_CHOICE, .choices = scopes,
          .flags = MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER, .help = "who says it"),
    FIELD(.name = "service", .type = MANSIO_FIELD_TEXT,
          .flags = MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_FILTER, .help = "of what"),
};

static const struct mansio_field_form network_fields[] = {
    FIELD(.name = "networks", .type = MANSIO_FIELD_LIST,
          .flags = MANSIO_FIELD_IN_LIST | MANSIO_FIELD_REQUIRED, .help = "CIDR, or \"unix\""),
    TENANT(MANSIO_FIELD_READ_ONLY),
    CREATED,
};

#define FORM(kind_, name_, key_, table)                                                            \
    {                                                                                              \
        .size = sizeof(struct mansio_object_form), .kind = (kind_), .name = (name_),               \
        .key = (key_), .fields = (table), .field_count = MANSIO_COUNT(table)                       \
    }

static const struct mansio_object_form forms[] = {
    FORM(MANSIO_OBJECT_PLATFORM, "platform", NULL, platform_fields),
    FORM(MANSIO_OBJECT_PLAN, "plan", "NAME", plan_fields),
    FORM(MANSIO_OBJECT_TENANT, "tenant", "NAME", tenant_fields),
    FORM(MANSIO_OBJECT_DOMAIN, "domain", "DOMAIN", domain_fields),
    FORM(MANSIO_OBJECT_ACCOUNT, "account", "USER@DOMAIN", account_fields),
    FORM(MANSIO_OBJECT_ADDRESS, "address", "[USER]@DOMAIN", address_fields),
    FORM(MANSIO_OBJECT_CREDENTIAL, "credential", "USER@DOMAIN[#LABEL]", credential_fields),
    FORM(MANSIO_OBJECT_QUOTA, "quota", "USER@DOMAIN|TENANT|plan:NAME", quota_fields),
    FORM(MANSIO_OBJECT_AUDIT, "audit", "NUMBER", audit_fields),
    FORM(MANSIO_OBJECT_POLICY, "policy", "SCOPE[:OWNER]/SERVICE", policy_fields),
    FORM(MANSIO_OBJECT_NETWORK, "network", "[TENANT:]NAME", network_fields),
};

const struct mansio_object_form *mansio_object_forms(size_t *out_count)
{
    *out_count = MANSIO_COUNT(forms);
    return forms;
}
