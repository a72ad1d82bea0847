"""Asks a part how it is, from inside its container: `python -m billing.runtime.healthcheck [URL [CA-FILE]]`.

With a URL, the part is well if that answers 200; over https, CA-FILE has the authority of its certificate. Without one,
for parts that have no port, it is well if its Kafka answers. The exit code says it, and one line says why not.
"""

import ssl
import sys
from collections.abc import Sequence
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
            url, *authority = arguments
            context = ssl.create_default_context(cafile=authority[0]) if authority else None
            urlopen(url, timeout=_TIMEOUT_SECONDS, context=context).close()
        else:
            reached_admin(load_settings({}), _TIMEOUT_SECONDS)
    except (OSError, KafkaException, OperatorError) as error:
        print(f"not well: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
