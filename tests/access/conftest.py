"""What the tests of accounts in Kafka share."""

from collections.abc import Iterator

import pytest

from tests.access.forked import ForkedQb
from tests.access.secured_kafka import SecuredKafka, secured_kafka


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A broker that takes accounts."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as running:
        yield running


@pytest.fixture(scope="session")
def forked_qb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedQb]:
    """What starts commands quickly."""
    with ForkedQb(tmp_path_factory.mktemp("commands")) as forking:
        yield forking
