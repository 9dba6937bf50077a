"""Waiting for something to become true, never for time to pass."""

import time


class Late(AssertionError):
    """What was waited for did not come."""


def until(what, condition, seconds=60.0, every=0.02):
    """Call condition() until it gives something true, and return that.

    what: for the message. An AssertionError or OSError within counts as "not yet", and the last
    one is told if the time runs out.
    """
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() > deadline:
            raise Late(f"after {seconds:g} s still not: {what}" + (f" ({last!r})" if last else ""))
        time.sleep(every)
