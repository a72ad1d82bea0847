"""The library under the Kafka client, called by its public C interface.

Everything here is librdkafka's public API (rdkafka.h) but for one thing: where confluent-kafka keeps the client's
handle, which is the first field behind the head of its object. So the client's version must be one that was tried, and
a client tells its name by that handle before it is used. Whoever gets None reads through `consume()`.
"""

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any

import confluent_kafka

from billing.runtime.logs import get_logger

logger = get_logger(__name__)

TRIED_VERSIONS = ("2.12.2",)

_POINTER, _SIZE, _TEXT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
# name -> what it returns, what it takes. A pointer that compiled code passes on is an int64.
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "rd_kafka_version_str": (_TEXT, []),
    "rd_kafka_name": (_TEXT, [_POINTER]),
    "rd_kafka_queue_new": (_POINTER, [_POINTER]),
    "rd_kafka_queue_get_partition": (_POINTER, [_POINTER, _TEXT, ctypes.c_int32]),
    "rd_kafka_queue_forward": (None, [_POINTER, _POINTER]),
    "rd_kafka_queue_destroy": (None, [_POINTER]),
    "rd_kafka_consume_batch_queue": (ctypes.c_ssize_t, [_POINTER, ctypes.c_int, _POINTER, _SIZE]),
    "rd_kafka_message_destroy": (None, [ctypes.c_int64]),
    "rd_kafka_message_timestamp": (ctypes.c_int64, [ctypes.c_int64, _POINTER]),
    "rd_kafka_message_headers": (ctypes.c_int, [ctypes.c_int64, _POINTER]),
    "rd_kafka_header_get_all": (ctypes.c_int, [_POINTER, _SIZE, _POINTER, _POINTER, _POINTER]),
    "rd_kafka_header_get_last": (ctypes.c_int, [_POINTER, _TEXT, _POINTER, _POINTER]),
    "rd_kafka_headers_copy": (_POINTER, [_POINTER]),
    "rd_kafka_headers_destroy": (None, [_POINTER]),
    "rd_kafka_header_add": (ctypes.c_int, [_POINTER, _TEXT, ctypes.c_ssize_t, _POINTER, ctypes.c_ssize_t]),
    "rd_kafka_topic_new": (_POINTER, [_POINTER, _TEXT, _POINTER]),
    "rd_kafka_topic_destroy": (None, [_POINTER]),
    "rd_kafka_produceva": (ctypes.c_int64, [ctypes.c_int64, ctypes.c_int64, ctypes.c_int64]),
    "rd_kafka_error_code": (ctypes.c_int, [_POINTER]),
    "rd_kafka_error_string": (_TEXT, [_POINTER]),
    "rd_kafka_error_destroy": (None, [_POINTER]),
}


class Library:
    """librdkafka as the Python client has loaded it; each function of it is an attribute under its own name.

    Args:
        path: the file that the client loaded.

    Raises:
        OSError: there is no such library.
        AttributeError: it lacks a function.
    """

    def __init__(self, path: Path) -> None:
        loaded = ctypes.CDLL(str(path))
        for name, (result, arguments) in _FUNCTIONS.items():
            # The interpreter's lock is free while one of them runs.
            setattr(self, name, ctypes.CFUNCTYPE(result, *arguments)((name, loaded)))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)  # all there are were set when it was made


@lru_cache(maxsize=1)
def native_library() -> Library | None:
    """Return the library that the client uses, None where it is not one that was tried: a line in the log says why."""
    version, built_with = str(confluent_kafka.version()), str(confluent_kafka.libversion()[0])
    if version not in TRIED_VERSIONS:
        logger.warning("this version of the client was not tried, reading through Python", version=version)
        return None
    for path in _candidates():
        try:
            library = Library(path)
        except (OSError, AttributeError) as error:
            logger.warning("the client's library cannot be used", path=str(path), error=str(error))
            continue
        if library.rd_kafka_version_str().decode() == built_with:
            return library
    logger.warning("the client's library was not found, reading through Python")
    return None


def _candidates() -> list[Path]:
    """Return where a wheel of the client may have its library."""
    package = Path(confluent_kafka.__file__).parent
    linux = sorted((package.parent / "confluent_kafka.libs").glob("librdkafka*.so*"))
    return [*linux, *sorted((package / ".dylibs").glob("librdkafka*.dylib"))]


def handle_of(client: Any, library: Library, name: str) -> int | None:
    """Return the library's handle of a client, None if it does not tell the client's name by it.

    Args:
        client: a consumer or producer of confluent-kafka, or of a class made from these.
        library: what it runs on.
        name: the `client.id` that it was made with.
    """
    # Behind the head, which is the reference count and the type.
    handle = ctypes.c_void_p.from_address(id(client) + object.__basicsize__).value
    if not handle:
        return None
    told = library.rd_kafka_name(handle)
    return handle if told and told.decode("utf-8", "replace").startswith(f"{name}#") else None
