"""Fixtures of the end-to-end tests; tests/README.md says how to run them."""

import contextlib
import faulthandler
import os
import pathlib
import shutil
import signal
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "lib"))

from mansio_test.daemon import Daemon  # noqa: E402
from mansio_test.install import Install  # noqa: E402
from mansio_test.smtp import Post  # noqa: E402
from mansio_test.lab import Lab  # noqa: E402


# Files that take longest, in this order: begun first, they end with the others where files run beside
# each other (tests/lib/stages.sh).
LONGEST = (
    "test_policy", "test_traitor", "test_database_faults", "test_smtp_text", "test_build", "test_atomicity",
    "test_reading", "test_pop3", "test_reload", "test_ctl_directory", "test_smtp",
    "test_smtp_delivery", "test_smtp_session", "test_proxy", "test_corpus",
)  # fmt: skip


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the full counts: 200 reloads, ...")


def pytest_collection_modifyitems(items):
    if os.environ.get("PYTEST_XDIST_WORKER"):
        places = {name: place for place, name in enumerate(LONGEST)}
        items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session")
def long(request):
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def shared():
    """What lies beside the tree: RFCs, corpus, vectors. Tests that need it are skipped without."""
    path = pathlib.Path(os.environ.get("MANSIO_SHARED") or HERE.parents[1] / "shared")
    if not (path / "corpus").is_dir():
        pytest.skip("no ../shared beside the tree")
    return path


@pytest.fixture(scope="session")
def install():
    """What $MANSIO_BUILDDIR has installed in $MANSIO_PREFIX."""
    prefix, build = os.environ.get("MANSIO_PREFIX"), os.environ.get("MANSIO_BUILDDIR")
    if not prefix or not build:
        pytest.exit("set MANSIO_PREFIX and MANSIO_BUILDDIR (tests/README.md)", 2)
    return Install(prefix, build)


@pytest.fixture(scope="session")
def hello_so(install, tmp_path_factory):
    """contrib/hello, built once, out of tree."""
    return install.build_hello(tmp_path_factory.mktemp("hello"))


@pytest.fixture
def make_daemon(install, tmp_path, request):
    """Make daemons; what the test leaves running is stopped, and must stop in good order. When
    the test failed, the ends of their logs are shown."""
    made = []

    def make(name="node", **options):
        daemon = Daemon(install, tmp_path / name, **options)
        made.append(daemon)
        return daemon

    yield make
    report = getattr(request.node, "report_call", None)
    failed = report is None or report.failed
    problems = []
    for daemon in made:
        try:
            daemon.stop()
        except AssertionError as error:
            problems.append(str(error))
        finally:
            daemon.kill()
        if failed or problems:
            print(f"---- end of {daemon.log_path}\n{daemon.tail()}\n----")
        # What a sanitizer found in any process of it is a failure of this test.
        for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"):
            if mark in daemon.log() and mark not in daemon.expected:
                problems.append(f"{mark} in {daemon.log_path}:\n{daemon.tail(100)}")
    assert not problems, "\n".join(problems)


@pytest.fixture
def hello(make_daemon, hello_so):
    """A daemon that serves contrib/hello on daemon.port, not started yet."""
    daemon = make_daemon()
    shutil.copy(hello_so, daemon.modules / "hello.so")
    daemon.add("hello", port=daemon.port)
    return daemon


SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:")


@pytest.fixture(scope="module")
def make_lab(install, tmp_path_factory):
    """Make labs (a PostgreSQL and a daemon with tenants each), for the tests of one file."""
    made = []

    def make(name="lab", **options):
        lab = Lab(install.prefix, tmp_path_factory.mktemp(name), **options)
        made.append(lab)
        return lab

    yield make
    problems = []
    for lab in made:
        try:
            lab.down()
        except Exception as error:  # the others must go down too
            problems.append(f"{lab.directory}: {error}")
        problems += [f"{mark} in {lab.node.log}" for mark in SANITIZER_MARKS if mark in lab.log()]
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def lab(make_lab):
    return make_lab().up()


@pytest.fixture
def post(make_daemon, install):
    """A daemon that takes mail over SMTP and LMTP into files, not started yet."""
    return Post(make_daemon(workers=1), install)


# ---- a test that hangs fails by its name, and the others go on

HANG_SECONDS = 240  # of patience for a step of a test; ten times what the slowest takes, loaded
HANG_SECONDS_LONG = 3600
STDERR = []  # as it was before pytest took it


def pytest_configure():
    STDERR.append(os.fdopen(os.dup(2), "w"))


def hangs(number, frame):
    """In the main thread, wherever it waits."""
    faulthandler.dump_traceback(STDERR[0])  # the other threads, too
    pytest.fail("it hangs: see where it was when its time was up", pytrace=True)


@contextlib.contextmanager
def bounded(item):
    """Who waits in C code that signals don't reach ends the process, and where it was is told."""
    seconds = HANG_SECONDS_LONG if item.config.getoption("--long") else HANG_SECONDS
    seconds = float(os.environ.get("MANSIO_HANG_SECONDS") or seconds)
    signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(1.5 * seconds, exit=True, file=STDERR[0])
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    with bounded(item):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    with bounded(item):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    with bounded(item):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let fixtures see how the test went."""
    outcome = yield
    if call.when == "call":
        item.report_call = outcome.get_result()
