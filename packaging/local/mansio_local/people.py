"""Directory objects of demonstrations and tests: tenants, domains, accounts, as lines of
`mansioctl batch`."""

import base64
import hashlib
import hmac
import os


def scram_stored(password, iterations=4096):
    """A stored credential that can do SCRAM-SHA-256 and passwords in the clear, in Dovecot's form
    (RFC 5802 3, RFC 7677). Made once and given to many accounts: a hash each would take minutes."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored = base64.b64encode(hashlib.sha256(client_key).digest()).decode()
    server = base64.b64encode(hmac.digest(salted, b"Server Key", "sha256")).decode()
    text = base64.b64encode(salt).decode()
    return f"{{SCRAM-SHA-256}}{iterations},{text},{stored},{server}"


SERVICES = ("imap", "pop3", "submission", "autodiscover")


def words():
    """Lines for what the platform allows everybody: its default stays deny."""
    yield f"policy allow {' '.join(SERVICES)} --platform"


def postmaster(address):
    """A line for who gets what comes to postmaster, which every domain must have (RFC 5321 4.5.1)."""
    return f"platform set --postmaster {address}"


def tenant(name, domain, users, stored):
    """Lines for a tenant with one domain and accounts, all with one stored credential."""
    yield f"tenant add {name}"
    yield f"domain add {domain} --tenant {name}"
    for user in users:
        yield f"account add {user}@{domain}"
        yield f"password set {user}@{domain} --stored '{stored}'"
