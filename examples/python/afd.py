"""What a module handler says through ctx, for a Python program that afd runs as a command. Copy this file next to yours.

    import afd

    task = afd.task()
    afd.progress(3, 10, "pages")
    afd.log.info("page read", page=3)
    afd.checkpoint({"page": 3})     # the next attempt gets it as task["checkpoint"]
    afd.result({"rows": 120})

Python 3.8 or newer, standard library only. Every function may be called from any thread, and none fails because afd no
longer listens. checkpoint, enqueue, result and later raise TypeError or ValueError for a value that is not JSON or too
large. Run without afd, it prints what it would say to stderr.
"""
import fcntl
import json
import os
import stat
import sys
import threading

# afd drops longer lines; a larger result goes into the file that AFD_RESULT_FILE names.
EVENT_BYTES = 1024 * 1024


class _Channel:
    """Writes lines to AFD_EVENTS_FD, or to AFD_EVENTS_FILE where a wrapper has closed the descriptor, or to stderr."""

    def __init__(self, environment):
        self._lock = threading.Lock()
        self._told = False
        self._fd = _own_copy(environment.get("AFD_EVENTS_FD"))
        path = environment.get("AFD_EVENTS_FILE")
        if self._fd is None and path:
            try:
                self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                self._complain(error)
        self._by_hand = not path and not environment.get("AFD_EVENTS_FD")

    def say(self, event):
        """Raises TypeError or ValueError for a value that cannot be sent."""
        self._write(json.dumps(event, ensure_ascii=False, allow_nan=False))

    def tell(self, event):
        """The same for what must not end the program: other objects are sent as text, and afd warns about the rest."""
        self._write(json.dumps(event, ensure_ascii=False, default=str), strict=False)

    def _write(self, line, strict=True):
        data = line.encode("utf-8", "replace") + b"\n"
        if len(data) > EVENT_BYTES and strict:
            raise ValueError("an event has at most %d bytes; this one has %d" % (EVENT_BYTES, len(data)))
        with self._lock:
            if self._by_hand:
                print("afd:", line, file=sys.stderr, flush=True)
                return
            try:
                while data and self._fd is not None:
                    data = data[os.write(self._fd, data):]
            except OSError as error:
                # The attempt has ended, or the disk is full.
                self._fd = None
                self._complain(error)

    def _complain(self, error):
        if not self._told:
            print("afd: events are no longer sent:", error, file=sys.stderr)
        self._told = True


def _own_copy(number):
    """A copy of the descriptor that no child inherits; None = it is not ours (closed, and perhaps in use for a file)."""
    try:
        fd = int(number or "")
        mode = os.fstat(fd).st_mode
        if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode):
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    except (OSError, ValueError):
        pass
    return None


class _Log:
    """afd.log.info("message", field=1): a line in the log of the worker and in the run log of the attempt."""

    def debug(self, message, **fields):
        self._line("debug", message, fields)

    def info(self, message, **fields):
        self._line("info", message, fields)

    def warn(self, message, **fields):
        self._line("warn", message, fields)

    warning = warn

    def error(self, message, **fields):
        self._line("error", message, fields)

    def _line(self, level, message, fields):
        _channel.tell({"type": "log", "level": level, **fields, "message": str(message)})


log = _Log()
_channel = _Channel(os.environ)


def task():
    """The task as a dict, read from standard input: task_id, task_type, task_data, attempt, checkpoint and more."""
    return json.load(sys.stdin)


def progress(done, total=None, message=None):
    """How far the attempt is, in a unit of your choice."""
    _channel.tell({"type": "progress", "done": done, "total": total, "message": message})


def metric(name, value):
    """Sets a figure of the attempt; the last value of a name counts."""
    _channel.tell({"type": "metric", "name": name, "value": value})


def checkpoint(value):
    """Stores a value (JSON, at most 64 KB) for the next attempt, which gets it as task["checkpoint"]."""
    _channel.say({"type": "checkpoint", "value": value})


def enqueue(*tasks):
    """Tasks to insert together with the completion of this one; each is a dict with task_type, or a list of dicts."""
    flat = [one for given in tasks for one in (given if isinstance(given, (list, tuple)) else [given])]
    _channel.say({"type": "enqueue", "tasks": flat})


def result(value):
    """The result of the attempt, if the program then ends with exit code 0."""
    _channel.say({"type": "result", "value": value})


def later(after=None, message=None, until=None):
    """Another attempt after "15m" or at an ISO time, if the program then ends with exit code 0 or 75. Uses no retry."""
    _channel.say({"type": "later", "after": after, "until": until, "message": message})
