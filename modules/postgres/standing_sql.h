/*
 * Rows that standings are made of, as all statements that give them have them: the columns of type
 * standing_row (sql/0005_standings.sql), facts spread out.
 */
#ifndef MANSIO_MODULES_POSTGRES_STANDING_SQL_H
#define MANSIO_MODULES_POSTGRES_STANDING_SQL_H

/* In the order of enum pg_standing_column. */
#define STANDING_COLUMNS                                                                           \
    "what, number, (facts).*, words, ids, versions, kinds, expires, services, scope, verb,"        \
    " is_locked, tls, credentials, service, owner, networks, has_networks, mechanisms, hours,"     \
    " zone, instants, offsets, is_ours"
#define STANDING_TYPES                                                                             \
    "il"                                                                                           \
    "llttttiilll"                                                                                  \
    "LLLILT"                                                                                       \
    "iioiittToTtt"                                                                                 \
    "LIo"

enum pg_standing_column {
    PG_STANDING_WHAT,
    PG_STANDING_NUMBER,
    PG_STANDING_FACTS,
    PG_STANDING_WORDS = PG_STANDING_FACTS + 11,
    PG_STANDING_IDS,
    PG_STANDING_VERSIONS,
    PG_STANDING_KINDS,
    PG_STANDING_EXPIRES,
    PG_STANDING_SERVICES,
    PG_STANDING_SCOPE,
    PG_STANDING_VERB,
    PG_STANDING_IS_LOCKED,
    PG_STANDING_TLS,
    PG_STANDING_CREDENTIALS,
    PG_STANDING_SERVICE,
    PG_STANDING_OWNER,
    PG_STANDING_NETWORKS,
    PG_STANDING_HAS_NETWORKS,
    PG_STANDING_MECHANISMS,
    PG_STANDING_HOURS,
    PG_STANDING_ZONE,
    PG_STANDING_INSTANTS,
    PG_STANDING_OFFSETS,
    PG_STANDING_IS_OURS,
};

/* Column "what". */
enum pg_standing_what {
    PG_STANDING_HEAD = 0,
    PG_STANDING_OF_ZONE = 1,
    PG_STANDING_OF_WORD = 2,
    PG_STANDING_OF_CREDENTIALS = 3,
    PG_STANDING_OF_WHOM = 4,
};

#endif
