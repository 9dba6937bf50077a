/*
 * Ids of administration's statements; object_sql.c has the table.
 *
 * All that belong to a kind of object take the same parameters: the key's parts (a, b, c; NULL: not
 * given) and fields or filters as JSON, f.
 *   LIST also takes the sort key after which to go on ('' at first) and how many rows to give; it
 *        gives sort key, key, tenant, and the values of the kind's form in its order
 *   ADD, SET, REMOVE give a row for what they did; none: no such thing
 *   HANGS gives what keeps it from being removed, and whether even cascading doesn't help
 */
#ifndef MANSIO_MODULES_POSTGRES_OBJECT_SQL_H
#define MANSIO_MODULES_POSTGRES_OBJECT_SQL_H

#include "statement.h"

enum pg_object_sql {
    PG_SQL_EPOCH_BUMP = PG_SQL_OBJECT,
    PG_SQL_AUDIT_ADD,
    PG_SQL_TENANT_LIMITS,
    PG_SQL_ADDRESS_PRUNE,
    PG_SQL_PLATFORM_LIST,
    PG_SQL_PLATFORM_SET,
    PG_SQL_PLAN_LIST,
    PG_SQL_PLAN_ADD,
    PG_SQL_PLAN_SET,
    PG_SQL_PLAN_HANGS,
    PG_SQL_PLAN_REMOVE,
    PG_SQL_TENANT_LIST,
    PG_SQL_TENANT_ADD,
    PG_SQL_TENANT_CHANGE,
    PG_SQL_TENANT_HANGS,
    PG_SQL_TENANT_MAIL,
    PG_SQL_TENANT_REMOVE,
    PG_SQL_DOMAIN_LIST,
    PG_SQL_DOMAIN_ADD,
    PG_SQL_DOMAIN_SET,
    PG_SQL_DOMAIN_HANGS,
    PG_SQL_DOMAIN_MAIL,
    PG_SQL_DOMAIN_REMOVE,
    PG_SQL_ACCOUNT_LIST,
    PG_SQL_ACCOUNT_ADD,
    PG_SQL_ACCOUNT_SET,
    PG_SQL_ACCOUNT_HANGS,
    PG_SQL_ACCOUNT_MAIL,
    PG_SQL_ACCOUNT_REMOVE,
    PG_SQL_ADDRESS_LIST,
    PG_SQL_ADDRESS_ADD,
    PG_SQL_ADDRESS_SET,
    PG_SQL_ADDRESS_HANGS,
    PG_SQL_ADDRESS_REMOVE,
    PG_SQL_CREDENTIAL_LIST,
    PG_SQL_CREDENTIAL_ADD,
    PG_SQL_CREDENTIAL_SET,
    PG_SQL_CREDENTIAL_REMOVE,
    PG_SQL_QUOTA_LIST,
    PG_SQL_QUOTA_PLAN_ADD,
    PG_SQL_QUOTA_PLAN_SET,
    PG_SQL_QUOTA_PLAN_REMOVE,
    PG_SQL_QUOTA_TENANT_ADD,
    PG_SQL_QUOTA_TENANT_SET,
    PG_SQL_QUOTA_TENANT_REMOVE,
    PG_SQL_QUOTA_ACCOUNT_ADD,
    PG_SQL_QUOTA_ACCOUNT_SET,
    PG_SQL_QUOTA_ACCOUNT_REMOVE,
    PG_SQL_AUDIT_LIST,
    PG_SQL_AUDIT_CHECK,
    PG_SQL_POLICY_LIST,
    PG_SQL_POLICY_SET,
    PG_SQL_POLICY_REMOVE,
    PG_SQL_POLICY_TRYING,
    PG_SQL_POLICY_ACCOUNTS,
    PG_SQL_STANDINGS_READ,
    PG_SQL_NETWORK_LIST,
    PG_SQL_NETWORK_ADD,
    PG_SQL_NETWORK_SET,
    PG_SQL_NETWORK_HANGS,
    PG_SQL_NETWORK_REMOVE,
    PG_SQL_OBJECT_END
};

/* By id - PG_SQL_OBJECT. */
extern const struct pg_statement pg_object_statements[];
extern const size_t pg_object_statement_count;

#endif
