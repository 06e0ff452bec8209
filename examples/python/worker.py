#!/usr/bin/env python3
"""A complete worker of afd that speaks HTTP to a gateway. Python 3.8 or newer, and nothing but its standard library.

    python3 worker.py --gateway http://127.0.0.1:8000 --device-id py-1 --slots 4 \\
        --handlers my_handlers.py --command report='python3 report.py'

It registers, waits for tasks, runs them, reports their results and beats, and comes back by itself when the gateway or the
network was away. SIGTERM or Ctrl-C: it takes no more tasks and lets those that run finish within --drain-timeout; a second
signal returns them at once. docs/guide/worker-in-any-language.md explains each part.
"""
import argparse
import http.client
import importlib.util
import inspect
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

WAIT_S = 25  # of one long poll
ANSWER_S = 15  # for all other calls, and beyond the wait of a long poll
KILL_GRACE_S = 5  # between SIGTERM and SIGKILL of a command
ERROR_CHARACTERS = 8000  # of an error message


class Refused(Exception):
    """The gateway has answered, and repeating the call would change nothing."""

    def __init__(self, status, problem):
        super().__init__(problem.get("detail", f"HTTP {status}"))
        self.status = status


class Later(Exception):
    """A handler raises it to put its task off. This uses no retry."""

    def __init__(self, message, after="60s"):
        super().__init__(message)
        self.after = after


class Permanent(Exception):
    """A handler raises it when no further attempt can succeed."""


class Done:
    """A handler returns it where it has follow-up tasks beside its result."""

    def __init__(self, result=None, enqueue=()):
        self.result = result
        self.enqueue = list(enqueue)


def log(message):
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


class Gateway:
    """Calls with backoff: what did not arrive, or may not have, is sent again. That is safe, since every call of a
    device may be repeated: a result that was stored is answered as `committed`."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if parts.scheme not in kinds or not parts.hostname:
            raise SystemExit(f"{url} is not the URL of a gateway, such as http://127.0.0.1:8000")
        self.connect = lambda timeout: kinds[parts.scheme](parts.hostname, parts.port, timeout=timeout)
        self.base = parts.path.rstrip("/")
        self.poll = None

    def interrupt(self):
        """Ends the long poll that is under way. Its gateway takes back what it had claimed for it."""
        poll = self.poll
        if poll is not None and poll.sock is not None:
            try:
                poll.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def once(self, method, path, body=None, timeout=ANSWER_S, poll=False):
        connection = self.connect(timeout)
        if poll:
            self.poll = connection
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, self.base + path, data, {"Content-Type": "application/json", "Connection": "close"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        finally:
            connection.close()
        try:
            fields = json.loads(text) if text else None
        except ValueError:
            fields = None
        if answer.status < 300:
            return fields
        problem = fields if isinstance(fields, dict) else {}
        # Busy, too many requests, stopping, without a database: another time.
        if answer.status in (408, 429) or answer.status >= 500:
            seconds = answer.headers.get("Retry-After", "0")
            raise Unreachable(problem.get("detail", f"HTTP {answer.status}"), float(seconds) if seconds.isdigit() else 0)
        raise Refused(answer.status, problem)

    def call(self, method, path, body=None, timeout=ANSWER_S, stop=None, poll=False):
        """Repeats until it is answered. None when `stop` is set meanwhile."""
        pause = 0.2
        told = False
        while True:
            try:
                answer = self.once(method, path, body, timeout, poll)
                if told:
                    log("the gateway answers again")
                return answer
            except Unreachable as error:
                if stop is not None and stop.is_set():
                    return None
                if not told:
                    log(f"the gateway cannot be reached, trying again: {error}")
                told = True
                # Half of it by chance, so that a thousand workers do not come back at the same moment.
                wait = max(error.after, pause * (0.5 + random.random() / 2))
                pause = min(pause * 2, 10)
                if (stop or threading.Event()).wait(wait):
                    return None


class Unreachable(Exception):
    def __init__(self, message, after=0):
        super().__init__(message)
        self.after = after


class Task:
    """What a handler gets: the task's fields, and `cancelled`, which is set when its result will not count any more."""

    def __init__(self, fields):
        self.id = fields["task_id"]
        self.type = fields["task_type"]
        self.data = fields["task_data"]
        self.priority = fields["priority"]
        self.timeout = fields["timeout"]
        self.retry_count = fields["retry_count"]
        # Additions to the design document: they make sure that a result belongs to this attempt.
        self.attempt = fields.get("attempt")
        self.claim_token = fields.get("claim_token")
        self.deadline = time.monotonic() + self.timeout
        self.cancelled = threading.Event()
        self.lost = False
        self.released = False
        self.reporting = False

    def outcome(self, status, **more):
        known = {"attempt": self.attempt, "claim_token": self.claim_token}
        return {"status": status, **more, **{name: value for name, value in known.items() if value is not None}}


def command_handler(words):
    """A command gets the task as JSON on its standard input and answers in the file AFD_RESULT_FILE, as with `afd worker`."""

    def run(task, device_id):
        with tempfile.TemporaryDirectory() as folder:
            result_file = os.path.join(folder, "result.json")
            environment = {
                **os.environ,
                "AFD_TASK_ID": str(task.id),
                "AFD_TASK_TYPE": task.type,
                "AFD_ATTEMPT": str(task.attempt or task.retry_count + 1),
                "AFD_DEVICE_ID": device_id,
                "AFD_RESULT_FILE": result_file,
            }
            with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given:
                given.write(json.dumps({"task_id": task.id, "attempt": task.attempt, "task_type": task.type, "task_data": task.data}).encode())
                given.seek(0)
                # A group of its own, so that what it starts ends with it, and Ctrl-C reaches this worker alone.
                child = subprocess.Popen(words, stdin=given, stdout=errors, stderr=errors, env=environment, start_new_session=True)
                ended = wait_for(child, task)
                errors.seek(0)
                output = errors.read()[-ERROR_CHARACTERS:].decode(errors="replace").strip()
            if not ended:
                return None
            if child.returncode == 75:
                raise Later(output or "the command asked for another attempt later")
            if child.returncode == 65:
                raise Permanent(output or "the command says that no attempt can succeed")
            if child.returncode != 0:
                raise RuntimeError(output or f"the command ended with {child.returncode}")
            if not os.path.exists(result_file):
                return None
            with open(result_file, encoding="utf-8") as file:
                found = json.load(file)
            # As with `afd worker`: the wrapper may be left out.
            if isinstance(found, dict) and "result" in found:
                return Done(found["result"], found.get("enqueue", []))
            return found

    return run


def wait_for(child, task):
    """True when the command has ended by itself; a cancelled one is asked to end, then killed, with all that it started."""
    while True:
        try:
            child.wait(timeout=0.1)
            return True
        except subprocess.TimeoutExpired:
            if not task.cancelled.is_set():
                continue
        signal_group(child, signal.SIGTERM)
        try:
            child.wait(timeout=KILL_GRACE_S)
        except subprocess.TimeoutExpired:
            pass
        signal_group(child, signal.SIGKILL)
        child.wait()
        return False


def signal_group(child, number):
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass


def handlers_of(path):
    """Every public function of a Python file, by its name: the task type."""
    spec = importlib.util.spec_from_file_location("handlers", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["handlers"] = module
    # Handlers may `from worker import Later, Permanent`: they get the classes of this very program.
    sys.modules.setdefault("worker", sys.modules[__name__])
    spec.loader.exec_module(module)
    own = inspect.getmembers(module, lambda one: inspect.isfunction(one) and one.__module__ == "handlers")
    return {name: (lambda task, _device_id, call=call: call(task)) for name, call in own if not name.startswith("_")}


class Worker:
    def __init__(self, gateway, device_id, slots, handlers, drain_timeout):
        self.gateway = gateway
        self.device_id = device_id
        self.slots = slots
        self.handlers = handlers
        self.drain_timeout = drain_timeout
        self.heartbeat_interval = 10.0
        self.running = {}
        self.lock = threading.Lock()
        self.free = threading.Condition(self.lock)
        self.stopping = threading.Event()  # take nothing more
        self.forced = threading.Event()  # return what runs
        self.ended = threading.Event()  # nothing is left to say

    # -- its life -----------------------------------------------------------------------------------------------

    def run(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: (self.forced if self.stopping.is_set() else self.stopping).set())
        if not self.register(self.stopping):
            return 0
        threads = [threading.Thread(target=one, daemon=True) for one in (self.beat, self.take)]
        for thread in threads:
            thread.start()
        while not self.stopping.wait(0.5):
            if not all(thread.is_alive() for thread in threads):
                log("a thread of this worker has ended; it stops")
                self.stopping.set()
        log(f"draining: {len(self.running)} running")
        self.gateway.interrupt()
        end = time.monotonic() + self.drain_timeout
        while self.running and time.monotonic() < end and not self.forced.wait(0.1):
            pass
        self.release_all()
        # Handlers that obey end at once; one that does not may keep the process for no longer than this.
        end = time.monotonic() + KILL_GRACE_S + 5
        while self.running and time.monotonic() < end:
            time.sleep(0.1)
        self.ended.set()
        return 0 if not self.running else 1

    def register(self, stop=None):
        answer = self.gateway.call(
            "POST",
            "/api/v1/devices/register",
            {
                "device_id": self.device_id,
                "device_name": self.device_id,
                "device_type": "worker",
                "ip_address": "127.0.0.1",
                "port": 0,
                "capabilities": {"supported_tasks": sorted(self.handlers), "max_concurrent": self.slots},
            },
            stop=stop,
        )
        if answer is None:
            return False
        # A third of the silence after which a device counts as dead.
        self.heartbeat_interval = max(0.2, float(answer.get("heartbeat_timeout", 60)) / 3)
        log(f"registered as {self.device_id}, {self.slots} slots, {', '.join(sorted(self.handlers))}")
        return True

    # -- heartbeats ---------------------------------------------------------------------------------------------

    def beat(self):
        while not self.ended.is_set():
            with self.lock:
                known = set(self.running)
            body = {
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "status": "busy" if len(known) >= self.slots else "online",
                "system_info": {"active_tasks": len(known), **load()},
            }
            try:
                answer = self.gateway.call("POST", f"/api/v1/devices/{self.device_id}/heartbeat", body, stop=self.ended)
                self.obey(known, answer or {})
            except Refused as error:
                if error.status not in (404, 409):
                    log(f"the heartbeat was refused: {error}")
                elif not self.ended.is_set():
                    # Somebody has removed the row: it is written again.
                    self.register(self.ended)
            self.ended.wait(self.heartbeat_interval)

    def obey(self, known, answer):
        """Attempts that the gateway does not hold open for this device, or that were revoked, are ended."""
        if "open" not in answer:
            return
        held = {one["task_id"] for one in answer["open"] if not one.get("revoked")}
        with self.lock:
            gone = [self.running[one] for one in known - held if one in self.running and not self.running[one].reporting]
        for task in gone:
            if not task.cancelled.is_set():
                log(f"task {task.id} is not ours any more; its handler is told to end")
                task.lost = True
                task.cancelled.set()

    # -- tasks --------------------------------------------------------------------------------------------------

    def take(self):
        while not self.stopping.is_set():
            with self.free:
                if not self.free.wait_for(lambda: len(self.running) < self.slots, timeout=0.5):
                    continue
                room = self.slots - len(self.running)
            query = urllib.parse.urlencode({"device_id": self.device_id, "wait": WAIT_S, "limit": room})
            try:
                answer = self.gateway.call(
                    "GET", f"/api/v1/tasks/next?{query}", timeout=WAIT_S + ANSWER_S, stop=self.stopping, poll=True
                )
            except Refused as error:
                if error.status in (404, 409):
                    self.register(self.stopping)
                else:
                    log(f"no task was given: {error}")
                    self.stopping.wait(5)
                continue
            # Without `limit` a gateway answers with the one task; an older one may not know the parameter.
            tasks = [] if answer is None else answer.get("tasks", [answer])
            for fields in tasks:
                task = Task(fields)
                with self.lock:
                    self.running[task.id] = task
                # What comes while the worker begins to stop is returned without having begun.
                task.released = self.stopping.is_set()
                threading.Thread(target=self.attempt, args=(task,), daemon=True).start()

    def attempt(self, task):
        timer = threading.Timer(task.timeout, task.cancelled.set)
        timer.daemon = True
        timer.start()
        try:
            outcome = task.outcome("released") if task.released else self.outcome_of(task)
        finally:
            timer.cancel()
        try:
            if not task.lost:
                self.report(task, outcome)
        finally:
            with self.free:
                self.running.pop(task.id, None)
                self.free.notify_all()

    def outcome_of(self, task):
        handler = self.handlers.get(task.type)
        if handler is None:
            return task.outcome("released", error_message=f"this worker has no handler for {task.type}")
        try:
            result = handler(task, self.device_id)
        except Later as error:
            outcome = task.outcome("later", error_message=str(error), after=error.after)
        except Permanent as error:
            outcome = task.outcome("permanent", error_message=str(error)[:ERROR_CHARACTERS])
        except Exception as error:  # whatever a handler raises is the failure of its attempt
            text = f"{type(error).__name__}: {error}"
            outcome = task.outcome("failed", error_message=text[:ERROR_CHARACTERS], error_class=type(error).__name__[:64])
        else:
            done = result if isinstance(result, Done) else Done(result)
            more = {"enqueue": done.enqueue} if done.enqueue else {}
            outcome = task.outcome("completed", result=done.result, error_message=None, **more)
        if task.released:
            return task.outcome("released")
        if task.cancelled.is_set() and time.monotonic() >= task.deadline:
            return task.outcome("timeout", error_message=f"it ran for longer than {task.timeout} s")
        return outcome

    def report(self, task, outcome):
        task.reporting = True
        body = {"device_id": self.device_id, **outcome}
        try:
            answer = self.gateway.call("POST", f"/api/v1/tasks/{task.id}/result", body, stop=self.ended)
            log(f"task {task.id} {task.type} attempt {task.attempt}: {outcome['status']}" if answer else f"task {task.id}: its result was not delivered")
        except Refused as error:
            if error.status == 409:
                log(f"task {task.id}: the result is refused: {error}")
            elif outcome["status"] == "completed":
                # Such as a result that is too large: as a failure it is at least known.
                self.report(task, task.outcome("failed", error_message=f"the result was refused: {error}"))
            else:
                log(f"task {task.id}: {error}")

    def release_all(self):
        with self.lock:
            left = list(self.running.values())
        for task in left:
            task.released = True
            task.cancelled.set()
        if left:
            log(f"{len(left)} tasks are returned")


def load():
    """Readings that the design document asks for, where this system has them."""
    try:
        return {"cpu_usage": round(min(100.0, 100 * os.getloadavg()[0] / (os.cpu_count() or 1)), 1)}
    except (OSError, AttributeError):
        return {}


def main():
    parser = argparse.ArgumentParser(description="A worker of afd behind an HTTP gateway.")
    parser.add_argument("--gateway", default=os.environ.get("AFD_GATEWAY", "http://127.0.0.1:8000"))
    parser.add_argument("--device-id", default=os.environ.get("DEVICE_ID", socket.gethostname()))
    parser.add_argument("--slots", type=int, default=5, help="tasks that run at the same time")
    parser.add_argument("--handlers", help="Python file; each public function is the handler of the type of its name")
    parser.add_argument("--command", action="append", default=[], metavar="TYPE=COMMAND", help="may be repeated")
    parser.add_argument("--drain-timeout", type=float, default=30, metavar="SECONDS")
    options = parser.parse_args()
    handlers = handlers_of(options.handlers) if options.handlers else {}
    for one in options.command:
        task_type, _, command = one.partition("=")
        if not command:
            parser.error(f"--command {one}: write TYPE=COMMAND")
        handlers[task_type] = command_handler(shlex.split(command))
    if not handlers:
        parser.error("nothing to run: pass --handlers or --command")
    worker = Worker(Gateway(options.gateway), options.device_id, options.slots, handlers, options.drain_timeout)
    try:
        code = worker.run()
    except Refused as error:
        log(f"the gateway refused this worker: {error}")
        code = 1
    # Threads that a handler keeps busy must not keep the process.
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
