"""The web config file in use: read at the start, and again when it or a file that it names has changed."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from billing.access.web_config import WebConfig, parse_web_config
from billing.errors import OperatorError
from billing.runtime.access.tls import make_context
from billing.runtime.logs import get_logger

logger = get_logger(__name__)

# Of a file: when it was changed, how large it is, and which one it is; None if it cannot be read.
Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class Loaded:
    """What was read together."""

    config: WebConfig
    context: ssl.SSLContext | None


class WebConfigFile:
    """A web config file, and the certificates that it names.

    Whoever asks gets what was read last, from memory. A change is taken when the files have stayed the same between
    two looks, so that none is read while it is being written. One that cannot be used changes nothing, and neither
    does one that would turn TLS on or off or let everybody in who had to show a password: that takes a restart.

    Args:
        path: of the file.

    Raises:
        OperatorError: it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: tuple[Path, ...] = (path,)
        self.is_good = True
        before = self._stamps()
        try:
            self._loaded = self._load()
        except ValueError as error:
            raise OperatorError(f"web_config_file {path}: {error}") from None
        self._used = self._seen = self._stamps_since(before)

    @property
    def config(self) -> WebConfig:
        """What the file says."""
        return self._loaded.config

    @property
    def has_tls(self) -> bool:
        """Whether connections are taken with TLS; never changes."""
        return self._loaded.context is not None

    def context(self) -> ssl.SSLContext:
        """Return what the next connection is taken with."""
        assert self._loaded.context is not None
        return self._loaded.context

    def refresh(self) -> None:
        """Look whether a file has changed, and read it again if so. Not for the event loop: it reads files."""
        stamps = self._stamps()
        is_settled, self._seen = stamps == self._seen, stamps
        if stamps == self._used or not is_settled:
            return
        try:
            loaded = self._load()
            _check_change(self._loaded.config, loaded.config)
        except ValueError as error:
            self.is_good = False
            logger.error("web config file not taken, the one before stays in use", path=self._path, error=str(error))
        else:
            self._loaded, self.is_good = loaded, True
            logger.info("web config file read again", path=self._path)
        self._used = self._seen = self._stamps_since(stamps)

    def _load(self) -> Loaded:
        """Read the file and those it names, which are watched from then on.

        Raises:
            ValueError: they cannot be used.
        """
        config = parse_web_config(_read(self._path))
        named = config.tls.files if config.tls else ()
        self._files = (self._path, *(self._path.parent / one for one in named))
        return Loaded(config, None if config.tls is None else make_context(config.tls, self._path.parent))

    def _stamps(self) -> dict[Path, Stamp]:
        return {path: _stamp(path) for path in self._files}

    def _stamps_since(self, before: dict[Path, Stamp]) -> dict[Path, Stamp]:
        """Return the stamps of what was read: of what was watched before, those from before the reading."""
        return {path: before.get(path, stamp) for path, stamp in self._stamps().items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except OSError as error:
        raise ValueError(error.strerror) from None


def _check_change(before: WebConfig, after: WebConfig) -> None:
    if (before.tls is None) != (after.tls is None):
        raise ValueError("it turns TLS on or off, which takes a restart")
    if before.users and not after.users:
        raise ValueError("it asks nobody for a password any more, which takes a restart")


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
