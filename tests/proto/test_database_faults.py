"""Mail is never lost: the database goes away, fills up, is locked, is read-only, and processes are
killed, while twenty sessions deliver. Whoever was told 250 finds his message, whole; everybody else
is told to come again; and all of it works again without anybody restarting the daemon."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile

import psycopg2
import pytest
from mansio_test import proc
from mansio_test.deliveries import (
    NO_ANSWER,
    TO,
    Storm,
    Try,
    check,
    pop3_answer,
    send,
    stored,
    wait_until_taken,
)
from mansio_test.imap import Dialogue
from mansio_test.lab import PASSWORD
from mansio_test.wait import until

SESSIONS = 20
OTHERS = ("user5@alpha.test", "user6@alpha.test", "user5@beta.test")


@pytest.fixture(scope="module")
def lab(make_lab):
    made = make_lab("faults", workers=2)
    # What is locked is given up soon: the default's patience is longer than a test's.
    made.node.database_settings = {"lock_timeout": "500ms"}
    made.up()
    wait_until_taken(made)
    return made


@pytest.fixture
def same_daemon(lab):
    """What happens to the database ends no process of ours."""
    workers = children(lab)
    yield
    wait_until_taken(lab)
    lab.wait_until_back()
    assert children(lab) == workers, "a worker died or was started anew"


def children(lab):
    master = lab.node.master_pid()
    return [master, *proc.children(master)]


def ask(lab, *words):
    return json.loads(lab.node.mansioctl("--json", *words))


def workers(lab):
    """Those that run: the place of one that died has no process until another is started."""
    rows = ask(lab, "status")["processes"]
    return [row["pid"] for row in rows if row["role"] == "worker" and row["pid"] > 1]


def assert_deferred(lab, to=TO):
    """Both protocols say "later", and POP3 does not say that the password is wrong."""
    for protocol in ("smtp", "lmtp"):
        done = send(lab, protocol, f"deferred-{os.urandom(6).hex()}@example.org", to=to)
        assert all(400 <= code < 500 for code in done.codes), done
        assert stored(lab)[done.mark] == 0


def assert_pop3_says_later(lab, user="user3@alpha.test"):
    def says_later():
        answer = pop3_answer(lab, user)
        assert answer.startswith((b"-ERR [SYS/TEMP]", b"-ERR [IN-USE]")), answer
        return b"SYS/TEMP" in answer

    until("POP3 says later", says_later)


def assert_pop3_works(lab):
    until("POP3 works", lambda: pop3_answer(lab).startswith(b"+OK"))


# ---- the server goes away


def test_half_a_message_is_never_the_end_of_one(lab, same_daemon):
    """IMAP: a literal that can't be filled ends the session, without a word behind it."""
    size = 12 << 20  # more than sockets take
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        raw.settimeout(60)
        raw.connect(("127.0.0.1", lab.port("imap")))
        reader = raw.makefile("rb")

        def ask(text, end):
            raw.sendall(text + b"\r\n")
            for line in reader:
                if line.startswith(end):
                    return
            raise AssertionError(text[:40])

        ask(f"a LOGIN user4@alpha.test {PASSWORD}".encode(), b"a OK")
        line = b"all that is here must be there" * 2 + b"\r\n"
        head = b"Subject: large\r\nMessage-ID: <large@example.org>\r\n\r\n"
        text = (head + line * (size // len(line) + 1))[:size]
        ask(b"b APPEND INBOX {%d+}\r\n%s" % (size, text), b"b OK")
        ask(b"c SELECT INBOX", b"c OK")
        raw.sendall(b"d FETCH * BODY.PEEK[]\r\n")
        assert reader.readline().endswith(b"{%d}\r\n" % size)
        got = reader.read(100_000)
        lab.cluster.stop("immediate")
        try:
            got += reader.read()
        finally:
            lab.cluster.start()
    assert len(got) < size and got == text[: len(got)]


def test_each_command_of_imap_says_later(lab, same_daemon):
    """Nothing that needs the store ends a session, or says what isn't so: neither that all is done nor
    that what is there isn't. Then all of it works in the same session."""
    small = b"Subject: small\r\nMessage-ID: <small@example.org>\r\n\r\nsmall\r\n"
    append = b"APPEND INBOX {%d+}\r\n%s" % (len(small), small)
    commands = (
        "FETCH 1:* (FLAGS ENVELOPE)",
        "FETCH 1:* BODY.PEEK[]",
        "UID FETCH 1:* BODY[]",
        "SEARCH TEXT small",
        "UID SEARCH UNSEEN",
        "STORE 1 +FLAGS (\\Flagged)",
        "COPY 1 Archive",
        "UID COPY 1:* Archive",
        append,
        'LIST "" "*"',
        'LSUB "" "*"',
        "STATUS Archive (MESSAGES UNSEEN)",
        "CREATE Later",
        "RENAME Later Earlier",
        "SUBSCRIBE Earlier",
        "UNSUBSCRIBE Earlier",
        "DELETE Earlier",
        "STORE 2 +FLAGS.SILENT (\\Deleted)",
        "UID EXPUNGE 1:*",
        "EXPUNGE",
        "MOVE 1 Archive",
        "UID MOVE 1:* Archive",
        "CLOSE",
    )
    with Dialogue(lab.port("imap")) as imap:
        imap.login("user4@beta.test")
        for _ in range(6):
            imap.ok(append)
        imap.ok("SELECT INBOX")
        lab.cluster.stop("immediate")
        try:
            for command in commands:
                words = imap.no(command)
                assert words.startswith(b"NO [UNAVAILABLE] "), (command, words)
            for command in ("NOOP", "CHECK", "FETCH 1:* UID", "SEARCH 1:3", "ENABLE CONDSTORE"):
                imap.ok(command)
            idle = imap.goes_on("IDLE")
            imap.send(b"DONE\r\n")
            assert imap.finish(idle)[0].startswith(b"OK ")
        finally:
            lab.cluster.start()
        lab.wait_until_back()
        for command in commands:
            imap.ok(command)
        assert b"0 EXISTS" in imap.ok("SELECT INBOX")
        # One by COPY, six by UID COPY; one more came, one was expunged, and the other six moved.
        assert imap.ok("STATUS Archive (MESSAGES)") == [b"STATUS Archive (MESSAGES 13)"]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("size", [4_000, 1_200_000])
def test_stopped_and_started(lab, same_daemon, mode, size, long):
    """In good order, and as by a crash."""
    if not long and (mode, size) == ("fast", 1_200_000):
        pytest.skip("only with --long")
    with Storm(lab, SESSIONS, size) as storm:
        storm.wait_for(250, 60 if size < 100_000 else 20)
        lab.cluster.stop(mode)
        storm.wait_for(None, 3 * SESSIONS)
        assert_pop3_says_later(lab)
        lab.cluster.start()
        storm.wait_for(250, 60 if size < 100_000 else 20)
        assert_pop3_works(lab)
    storm.check()


def test_connections_cut_again_and_again(lab, same_daemon):
    with Storm(lab, SESSIONS) as storm:
        for _ in range(10):
            storm.wait_for(250, 30)
            lab.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename LIKE 'mansio_%'"
            )
    storm.check()


# ---- it is there, and can't


@contextlib.contextmanager
def altered(lab, change, back):
    """A change of the server, in force for connections that are open too."""
    lab.sql(change)
    try:
        yield
    finally:
        lab.sql(back)


def cut(lab):
    lab.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'mansio_%'")


def test_read_only(lab, same_daemon):
    with Storm(lab, SESSIONS) as storm:
        storm.wait_for(250)
        with altered(
            lab,
            "ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()",
            "SET default_transaction_read_only = off;"
            " ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf()",
        ):
            storm.wait_for(None)
            until("read-only", lambda: refused(lab))
            assert_deferred(lab)
            assert_pop3_says_later(lab)
        storm.wait_for(250)
        assert_pop3_works(lab)
    storm.check()


def refused(lab):
    done = send(lab, "smtp", f"probe-{os.urandom(6).hex()}@example.org")
    return all(400 <= code < 500 for code in done.codes)


def test_too_many_connections(lab, same_daemon):
    with Storm(lab, SESSIONS) as storm:
        storm.wait_for(250)
        with altered(
            lab,
            "ALTER ROLE mansio_serving CONNECTION LIMIT 0",
            "ALTER ROLE mansio_serving CONNECTION LIMIT -1",
        ):
            cut(lab)
            storm.wait_for(None)
            assert_deferred(lab)
            assert_pop3_says_later(lab)
        storm.wait_for(250)
        assert_pop3_works(lab)
    storm.check()


@pytest.mark.parametrize(
    "change, back",
    [
        (
            "CREATE TABLE kept_version AS TABLE schema_version;"
            " DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)",
            "DELETE FROM schema_version; INSERT INTO schema_version TABLE kept_version;"
            " DROP TABLE kept_version",
        ),
        (
            "INSERT INTO schema_version SELECT (jsonb_populate_record(v, jsonb_build_object("
            " 'version', 9999, 'oldest', 9999))).* FROM schema_version v LIMIT 1",
            "DELETE FROM schema_version WHERE version = 9999",
        ),
        ("ALTER TABLE message_state RENAME TO gone", "ALTER TABLE gone RENAME TO message_state"),
    ],
    ids=["too old", "too new", "a table is missing"],
)
def test_schema_that_does_not_fit(lab, same_daemon, change, back):
    """A wrong schema is no reason to refuse mail for good."""
    done = []
    with altered(lab, change, back):
        cut(lab)
        for protocol in ("smtp", "lmtp"):
            done.append(send(lab, protocol, f"schema-{os.urandom(6).hex()}@example.org"))
            assert all(400 <= code < 500 for code in done[-1].codes), done
        assert_pop3_says_later(lab, TO[0])
    done.append(wait_until_taken(lab))
    assert_pop3_works(lab)
    check(lab, done)


def test_a_message_that_the_database_refuses(lab, same_daemon):
    """It shares commits with others, who don't suffer for it: not each time, if once a disk took so
    long that somebody's wait for a lock was over."""
    assert any(nobody_suffers(lab, turn) for turn in range(3))


def nobody_suffers(lab, turn):
    with altered(
        lab,
        "CREATE FUNCTION mansio.poisoned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF position('poison'::bytea IN NEW.structure) > 0 THEN "
        " RAISE 'no' USING ERRCODE = 'XX001'; END IF; RETURN NEW; END $$;"
        " GRANT EXECUTE ON FUNCTION mansio.poisoned TO PUBLIC;"
        " CREATE TRIGGER poison BEFORE INSERT ON mansio.message FOR EACH ROW"
        " EXECUTE FUNCTION mansio.poisoned()",
        "DROP TRIGGER poison ON mansio.message; DROP FUNCTION mansio.poisoned",
    ):
        with Storm(lab, SESSIONS) as storm:
            storm.wait_for_all()
            before = storm.deferred()
            for number in range(10):
                storm.wait_for(250, 20)
                for protocol in ("smtp", "lmtp"):
                    done = send(lab, protocol, f"poison-{turn}-{number}-{protocol}@example.org")
                    assert all(400 <= code < 500 for code in done.codes), done
        storm.check()
        assert not any("poison" in mark for mark in stored(lab))
        return storm.deferred() == before


# ---- locks


def test_an_account_that_somebody_has_locked(lab, same_daemon):
    """Its mail comes later; that of others comes now, in between."""
    holder = psycopg2.connect(lab.cluster.dsn())
    try:
        with Storm(lab, SESSIONS, to=OTHERS) as storm:
            storm.wait_for(250)
            with holder.cursor() as cursor:
                cursor.execute(
                    "SELECT s.account_id FROM mansio.account_state s JOIN mansio.account a"
                    " USING (tenant_id, account_id) WHERE a.local = 'user1' FOR UPDATE OF s"
                )
                assert cursor.rowcount == 2
            assert_deferred(lab)
            storm.wait_for(250)
            holder.rollback()
            wait_until_taken(lab)
        storm.check()
    finally:
        holder.close()


@pytest.mark.parametrize("table", ["blob", "message_state", "account_state"])
def test_a_table_that_somebody_has_locked(lab, same_daemon, table, long):
    if not long and table != "message_state":
        pytest.skip("only with --long")
    holder = psycopg2.connect(lab.cluster.dsn())
    try:
        with Storm(lab, SESSIONS) as storm:
            storm.wait_for(250)
            with holder.cursor() as cursor:
                cursor.execute(f"LOCK TABLE mansio.{table} IN ACCESS EXCLUSIVE MODE")
            storm.wait_for(None, SESSIONS)
            holder.rollback()
            storm.wait_for(250)
        storm.check()
    finally:
        holder.close()


# ---- a full disk


@pytest.fixture
def small_disk(lab):
    """A small file system that PostgreSQL may write to, with room for what transactions that failed
    leave behind until it is vacuumed."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    home = tempfile.mkdtemp(prefix="mansio-disk.", dir="/var/tmp")
    os.chmod(home, 0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m,mode=0777", "tmpfs", home],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        os.rmdir(home)
        pytest.skip(f"no mount here: {mounted.stderr.strip()}")
    try:
        yield home
    finally:
        subprocess.run(["umount", home], check=True)
        os.rmdir(home)


@contextlib.contextmanager
def mail_on(lab, disk):
    """The tables that mail grows in, moved to a tablespace there."""
    tables = ("blob", "blob_chunk", "message", "message_state", "message_text", "message_prefix")
    place = os.path.join(disk, "tables")
    os.mkdir(place)
    shutil.chown(place, "postgres", "postgres")
    lab.sql(f"CREATE TABLESPACE small LOCATION '{place}'")

    def move(where):
        lab.sql(";".join(f"ALTER TABLE {name} SET TABLESPACE {where}" for name in tables))

    try:
        # What earlier tests left would fill it.
        lab.sql("TRUNCATE " + ", ".join((*tables, "message_released", "expunged", "spool")))
        lab.sql("UPDATE collection_counters SET messages = 0, unseen = 0, bytes = 0")
        lab.sql("UPDATE account_state SET messages = 0, bytes = 0")
        move("small")
        yield
    finally:
        move("pg_default")
        lab.sql("DROP TABLESPACE small")


def fill(path):
    """Until no byte more fits."""
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


@pytest.mark.parametrize("size", [4_000, 1_200_000])
def test_full_disk(lab, same_daemon, small_disk, size):
    ballast = os.path.join(small_disk, "ballast")
    with mail_on(lab, small_disk):
        with Storm(lab, SESSIONS, size) as storm:
            storm.wait_for(250, 20)
            fill(ballast)
            storm.wait_for(None, 3 * SESSIONS)
            # What is there can be read; what needs no room for mail works.
            assert_pop3_works(lab)
            until("nothing fits", lambda: refused_of(lab, size))
            os.unlink(ballast)
            storm.wait_for(250, 10)
        storm.check()
        wait_until_taken(lab)


def refused_of(lab, size):
    done = send(lab, "smtp", f"probe-{os.urandom(6).hex()}@example.org", size)
    return all(400 <= code < 500 for code in done.codes)


# ---- processes of ours are killed


@pytest.mark.parametrize("size", [4_000, 1_200_000])
def test_a_worker_is_killed(lab, size):
    """Whom it was talking to hears nothing: his message may be there, and come again."""
    with Storm(lab, SESSIONS, size) as storm:
        for _ in range(4):
            storm.wait_for(250, 40 if size < 100_000 else 10)
            victim = until("a worker", lambda: workers(lab))[0]
            os.kill(victim, signal.SIGKILL)
            until("it is gone", lambda victim=victim: not proc.exists(victim))
        storm.wait_for(250, 20)
    storm.check()


def test_the_master_is_killed(lab):
    """Workers without a master finish what is in transaction; the supervisor starts another."""
    with Storm(lab, SESSIONS) as storm:
        for _ in range(2):
            storm.wait_for(250, 40)
            master = lab.node.master_pid()
            old = proc.children(master)
            os.kill(master, signal.SIGKILL)
            until("another one", lambda master=master: lab.node.master_pid() != master)
            lab.node.wait_ready()
            until("its workers ended", lambda old=old: not any(proc.exists(pid) for pid in old))
        storm.wait_for(250, 40)
    storm.check()
    assert storm.dropped == 0, "who was in transaction was to be answered"


@pytest.mark.parametrize("size", [4_000, 1_200_000])
def test_reloads_and_stops_in_good_order(lab, size):
    """A new generation, and the end of the daemon, drop nobody in mid-transaction."""
    with Storm(lab, SESSIONS, size) as storm:
        for _ in range(3):
            storm.wait_for(250, 20)
            assert ask(lab, "--timeout", "60", "reload", "--force")["outcome"] == "generation"
        storm.wait_for(250, 20)
        lab.node.stop()
        lab.node.start()
        storm.wait_for(250, 20)
    storm.check()
    assert storm.dropped == 0


def test_worker_killed_between_commit_and_answer(lab):
    """The one moment in which a message may be there though nobody was told: not lost, perhaps
    twice. The commit is held back by a slow flush, the worker dies, the commit goes on."""
    mark = f"between-{os.urandom(6).hex()}@example.org"
    holder = psycopg2.connect(lab.cluster.dsn())
    holder.autocommit = True
    try:
        lab.sql(
            "CREATE FUNCTION mansio.wait_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$;"
            " GRANT EXECUTE ON FUNCTION mansio.wait_here TO PUBLIC;"
            " CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON mansio.message"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mansio.wait_here()"
        )
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(4711)")
        with lab.smtp() as client:
            client.ehlo()
            client.mail("sender@example.org")
            assert client.rcpt(TO[0])[0] == 250
            client.putcmd("DATA")
            assert client.getreply()[0] == 354
            client.send(f"Message-ID: <{mark}>\r\n\r\nx\r\n.\r\n".encode())
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            until("it waits in its commit", lambda: lab.sql(waiting) == [["1"]])
            rows = ask(lab, "sessions", "list")["sessions"]
            (victim,) = [row["pid"] for row in rows if row.get("activity", "") == "delivering"]
            # The server must not see the worker go before it has committed.
            with holder.cursor() as cursor:
                os.kill(victim, signal.SIGSTOP)
                cursor.execute("SELECT pg_advisory_unlock(4711)")
            until("it is committed", lambda: stored(lab)[mark] == 1)
            os.kill(victim, signal.SIGKILL)
            with pytest.raises(Exception):
                client.getreply()
    finally:
        holder.close()
        lab.sql("DROP TRIGGER slow ON mansio.message; DROP FUNCTION mansio.wait_here")
    lab.node.wait_ready()
    again = until("it is taken", lambda: sent_again(lab, mark))
    check(lab, [Try(mark, TO[:1], (NO_ANSWER,), TO[:1], "smtp"), again])
    assert stored(lab)[mark] == stored(lab)[again.mark] == 1


def sent_again(lab, mark):
    done = send(lab, "smtp", f"again-{mark}", to=TO[:1])
    return done if set(done.codes) == {250} else None
