"""Asks a part how it is: `python -m billing.runtime.healthcheck [URL [CA-FILE [CERTIFICATE-FILE KEY-FILE]]]`.

It runs inside the part's container. With a URL, the part is well if that answers 200; over https, CA-FILE has the
authority of its certificate, and the other two are shown where a web config file asks clients for theirs. Without a
URL, for parts that have no port, it is well if its Kafka answers. The exit code says it, and one line says why not.
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
            url, *files = arguments
            urlopen(url, timeout=_TIMEOUT_SECONDS, context=_context(*files) if files else None).close()
        else:
            reached_admin(load_settings({}), _TIMEOUT_SECONDS)
    except (OSError, KafkaException, OperatorError) as error:
        print(f"not well: {error}")
        return 1
    return 0


def _context(authority: str, certificate: str | None = None, key: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
