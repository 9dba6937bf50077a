"""A private installation: a PostgreSQL cluster, a mansiod and a supervisor in one directory.

packaging/quickstart, tests/lab and the end-to-end tests use it. Standard library only, so that
Debian's own python3 runs it.
"""
