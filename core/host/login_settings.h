/*
 * What the configuration says of logging in, as attempts ask it.
 */
#ifndef MANSIO_CORE_HOST_LOGIN_SETTINGS_H
#define MANSIO_CORE_HOST_LOGIN_SETTINGS_H

#include <mansio/conn.h>

struct core_throttle;

const struct core_throttle *core_login_throttle(void);

/* How long a right name and password are good for further logins on their conn; 0: never. */
int64_t core_login_again_us(void);

/* A conn may carry passwords in the clear: it goes through TLS, or is a unix socket, or its
 * listener says so. */
int core_login_allows_plaintext(const struct mansio_conn *conn);

/* Its listener offers this mechanism (sasl_table.h), as far as settings go. */
int core_login_allows_mechanism(const struct mansio_conn *conn, uint32_t id);

/* Where of a client's certificate its listener looks for accounts: enum core_tls_peer_names. */
uint32_t core_login_peer_names(const struct mansio_conn *conn);

#endif
