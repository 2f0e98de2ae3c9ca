"""Child processes that never outlive the command which started them."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from cloud import ROOT, Fault

GRACE_SECONDS = 5


class Stopped(BaseException):
    """Somebody asked this command to stop. No error, so `except Exception` lets it pass."""


def stop_on_signals():
    """Turns the first SIGINT, SIGTERM or SIGHUP into `Stopped`, and lets nothing disturb the cleaning up after it."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(*_):
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    for each in signals:
        signal.signal(each, stop)


class Child:
    def __init__(self, name, process, log):
        self.name = name
        self.process = process
        self.log = log

    def check(self):
        """Raises a `Fault` if the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise Fault(f"The {self.name} has ended unexpectedly (exit code {code}). {last_words(self.log)}")


def last_words(log: Path, lines=15):
    text = log.read_text(errors="replace").strip().splitlines()[-lines:]
    return f"The end of {log.relative_to(ROOT)}:\n" + "\n".join("  " + line for line in text)


@contextmanager
def started(name, command, env, log=None):
    """Runs `command` in a process group of its own, and ends the whole group on the way out."""
    output = open(log, "wb") if log else None
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
        )
    except OSError as error:
        raise Fault(f"The {name} could not be started: {error}.") from error
    finally:
        if output:
            output.close()
    try:
        yield Child(name, process, log)
    finally:
        end_group(process)


def end_group(process):
    for request in signal.SIGTERM, signal.SIGKILL:
        if not signalled(process.pid, request):
            return
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline:
            process.poll()  # a zombie counts as a member of its group until somebody asks for it
            if not signalled(process.pid, 0):
                return
            time.sleep(0.05)


def signalled(group, request):
    try:
        os.killpg(group, request)
    except ProcessLookupError:
        return False
    return True


def finish(name, command, env, log=None):
    """Runs `command` to its end."""
    with started(name, command, env, log) as child:
        code = child.process.wait()
    if code != 0:
        raise Fault(f"{name} failed. {last_words(log) if log else 'Its reason is above.'}")
