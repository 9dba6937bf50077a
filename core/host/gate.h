/*
 * The gate: may this account use this service, this way, from here? One function, asked once
 * credentials were right and the session stands in the registry under its account: so a change of
 * policy finds every session that it was not asked about.
 *
 * It judges states alone as yet; policy has its place behind the same function.
 */
#ifndef MANSIO_CORE_HOST_GATE_H
#define MANSIO_CORE_HOST_GATE_H

#include <mansio/account.h>

/* What is judged. */
struct core_gate_facts {
    const struct mansio_account_facts *account;
    struct mansio_str service;
    struct mansio_str network;   /* the peer's, as limits count; "unix" */
    struct mansio_str mechanism; /* of SASL; "password" for a name and a password */
    uint32_t credential_kind;    /* enum mansio_credential_kind */
    uint32_t is_tls;             /* 1: the conn goes through TLS */
};

/* 0: it may; MANSIO_E_DENIED, with the reason for the log in the detail. May yield. */
MANSIO_MUST_CHECK int core_gate_judge(const struct core_gate_facts *facts);

#endif
