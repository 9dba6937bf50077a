"""Mail that leaves: from the spool to servers of the world outside, which behave as they like."""

import pytest
from mansio_test.outbound import World
from mansio_test.wait import until


@pytest.fixture(scope="module")
def world(make_lab):
    world = World(make_lab("outbound", workers=1))
    world.lab.up()
    yield world
    world.close()


def test_what_is_in_the_spool_is_delivered(world):
    peer = world.peer("first.test")
    world.send("somebody@first.test", "other@first.test", subject="first")
    until("it is there", lambda: peer.messages)
    (message,) = peer.messages
    assert sorted(message.recipients) == ["other@first.test", "somebody@first.test"]
    assert message.sender == "user1@alpha.test" and message.hello == "out.alpha.test"
    assert b"Subject: first\r\n" in message.data and message.data.endswith(b"Hello\r\n")
    world.until_empty()
    assert not peer.violations
