"""Asks a part how it is, from inside its container: `python -m billing.runtime.healthcheck [URL]`.

With a URL, the part is well if that answers 200. Without one, for parts that have no port, it is well if its Kafka
answers. The exit code says it, and one line says why not.
"""

import sys
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import urlopen

from confluent_kafka import KafkaException

from billing.errors import OperatorError
from billing.runtime.kafka import reached_admin
from billing.settings import load_settings

_TIMEOUT_SECONDS = 5.0


def main(arguments: Sequence[str]) -> int:
    """Return 0 if all is well, and 1 after saying what is not."""
    try:
        if arguments:
            urlopen(arguments[0], timeout=_TIMEOUT_SECONDS).close()
        else:
            reached_admin(load_settings({}), _TIMEOUT_SECONDS)
    except (URLError, TimeoutError, KafkaException, OperatorError) as error:
        print(f"not well: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
