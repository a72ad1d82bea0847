"""The process that commands of tests are forks of: it has imported all parts and loaded their kernels.

`python -m tests.fork_server FD`: each message on that socket asks for a process; see :mod:`tests.forking`, which starts
it. It ends when the socket is closed, and kills those of its processes that still run.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module

import exporter.model.warm
import processor.warm
import qb.explain.matching
from qb.cli import COMMANDS
from tests.forking import MESSAGE_BYTES

# Standard input, output and errors of a process, and where to write how it ended.
FILES = 4


@dataclass(frozen=True)
class Wanted:
    """What a process is to run, as `python -m` would: a module, its arguments, its environment and its folder."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str

    def run(self) -> None:
        """Run it in this process. Ends by raising SystemExit, or when the module has been run."""
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.path[0] = self.folder
        sys.argv = [self.module, *self.arguments]
        runpy.run_module(self.module, run_name="__main__", alter_sys=True)


class Children:
    """The forked processes that run, and for each the file to which is written how it ended."""

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}

    def add(self, pid: int, end: int) -> None:
        """Take a process in."""
        self._ends[pid] = end

    def reap(self, *_: object) -> None:
        """Tell of each that has ended how it did."""
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                end = self._ends.pop(found[0])
                with suppress(BrokenPipeError):
                    os.write(end, str(os.waitstatus_to_exitcode(found[1])).encode())
                os.close(end)

    def kill(self) -> None:
        """End those that still run."""
        for pid in list(self._ends):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def _no_child_ends() -> Iterator[None]:
    """Hear of no child's end until what is done here is done."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def serve(requests: socket.socket, children: Children) -> Wanted | None:
    """Fork what is asked for; return in each fork what it is to run, and in this process None at the end."""
    while True:
        message, files, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, FILES)
        if not message:
            return None
        with _no_child_ends():
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for target, file in enumerate(files[:3]):
                    os.dup2(file, target)
            else:
                children.add(pid, files[3])
                requests.send(str(pid).encode())
        for file in files if pid == 0 else files[:3]:
            os.close(file)
        if pid == 0:
            return Wanted(**json.loads(message))


def main() -> None:
    """Prepare, say that this is done, and serve."""
    for command in COMMANDS:
        import_module(command.module)
    processor.warm.compile_kernels()
    exporter.model.warm.compile_kernels()
    qb.explain.matching.compile_kernels()
    # So that a fork's own collections of garbage leave the pages alone that it shares.
    gc.freeze()
    children = Children()
    signal.signal(signal.SIGCHLD, children.reap)
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        wanted = serve(requests, children)
    if wanted is None:
        children.kill()
    else:
        del children
        wanted.run()


if __name__ == "__main__":
    main()
