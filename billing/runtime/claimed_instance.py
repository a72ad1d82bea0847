"""Instances by number: each process on one state folder takes the first free one, and so a stable name."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from billing.errors import OperatorError
from billing.runtime.file_lock import HeldElsewhereError, file_lock
from billing.runtime.logs import get_logger
from billing.settings import NUMBERED, Settings

logger = get_logger(__name__)

MOST_INSTANCES = 1_000


@contextmanager
def claimed_instance(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with the instance that this process is, its state folder ready to be written to.

    Where `instance` ends in ``*`` it is the first number that no living process on the same state folder has: a
    container that is made anew takes its predecessor's number, name and State, and a lock that ends with the process
    keeps two from having the same.

    Raises:
        OperatorError: the state folder cannot be used.
    """
    with ExitStack() as stack:
        try:
            settings.state_dir.mkdir(parents=True, exist_ok=True)
            if settings.instance.endswith(NUMBERED):
                settings = _claim(settings, stack)
            _try_to_write(settings.state_dir / settings.instance)
        except OSError as error:
            raise OperatorError(
                f"state_dir {settings.state_dir} cannot be written: {error.strerror or error}; make it writable for "
                "this user, or set state_dir to another folder"
            ) from error
        yield settings


def _claim(settings: Settings, stack: ExitStack) -> Settings:
    prefix = settings.instance.removesuffix(NUMBERED)
    for number in range(MOST_INSTANCES):
        name = f"{prefix}{number}"
        try:
            stack.enter_context(file_lock(settings.state_dir / f"{name}.lock", wait=False))
        except HeldElsewhereError:
            continue
        logger.info("instance claimed", instance=name, state_dir=settings.state_dir)
        return settings.model_copy(update={"instance": name})
    raise OperatorError(f"all {MOST_INSTANCES} instances {settings.instance} in {settings.state_dir} are taken")


def _try_to_write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    probe = folder / ".writable"
    probe.write_bytes(b"")
    probe.unlink()
