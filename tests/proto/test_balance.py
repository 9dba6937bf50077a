"""Connections spread over workers by their counters."""

import collections

from mansio_test.hello import Client
from mansio_test.wait import until

CONNS, WORKERS = 1000, 4


def test_a_thousand_connections_are_within_a_fifth_of_even(hello):
    hello.config["workers"] = WORKERS
    hello.start()
    clients = [Client(hello.port) for _ in range(CONNS)]
    try:
        rows = until(
            "all conns are counted",
            lambda: sum(row["conns_open"] for row in hello.workers()) == CONNS and hello.workers(),
        )
        spread = sorted(row["conns_open"] for row in rows)
        print("spread:", spread)
        even = CONNS / WORKERS
        assert spread[0] >= even * 0.8 and spread[-1] <= even * 1.2, spread
        by_pid = collections.Counter(row["pid"] for row in hello.sessions("--limit", str(CONNS)))
        assert sorted(by_pid.values()) == spread
    finally:
        for client in clients:
            client.close()
    until("all are gone", lambda: hello.status()["totals"] == {"conns": 0, "sessions": 0})
