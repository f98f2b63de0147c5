"""A daemon by script: speaks the control protocol with figures made from the project's own tables.

It checks what it is asked as docs/protocol.md says (an unknown parameter is an error), keeps every request
for the test to look at, and can be told to misbehave. It knows nothing of real processes.
"""
import json
import os
import re
import socket
import threading

SOURCE = os.environ.get("HAKMEM_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SELECTORS = {"pid", "comm", "exe", "unit", "uid", "label", "family", "all"}
PARAMETERS = {
    "info": set(),
    "schema": set(),
    "list": SELECTORS | {"dead"},
    "stats": SELECTORS | {"dead", "classes", "scope"},
    "subscribe": SELECTORS | {"dead", "classes", "scope", "every_ms"},
    "unsubscribe": {"subscription"},
    "tune.get": SELECTORS,
    "tune.set": SELECTORS | {"tunables", "life_s", "wait_ms"},
    "tune.reset": SELECTORS | {"names", "wait_ms"},
    "trim": SELECTORS | {"wait_ms"},
    "flush": SELECTORS | {"wait_ms"},
}


def rows(table):
    """The rows of a .def file: the macro and its arguments, strings without quotes."""
    with open(os.path.join(SOURCE, "shm", table), encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    text = re.sub(r"^#.*(\\\n.*)*$", "", text, flags=re.M)
    for macro, arguments in re.findall(r"^(HK_\w+)\((.*?)\)$", text, flags=re.M | re.S):
        yield macro, [a.strip().strip('"') for a in re.findall(r'"[^"]*"|[^,]+', arguments) if a.strip()]


def counters():
    """(scope, name, kind, unit, derived, help) of every counter."""
    for macro, a in rows("counters.def"):
        if macro == "HK_DERIVED":
            yield a[0].lower(), a[1], a[2].lower(), a[3].lower(), True, a[4]
        else:
            yield macro.split("_")[1].lower(), a[0], a[1].lower(), a[2].lower(), False, a[3]


def tunables():
    """(name, per_class, type, unit, min, max, default, choices, help) of every tunable."""
    for macro, a in rows("tunables.def"):
        if macro == "HK_TUNABLE":
            if a[1] == "CHOICE":
                yield a[0], False, "choice", "none", 0, 1, 0, a[7].split(","), a[8]
            else:
                yield a[0], False, "uint", a[2].lower(), int(a[3]), int(a[4]), int(a[5]), [], a[-1]
        else:
            yield a[0], True, "uint", a[1].lower(), int(a[2]), int(a[3]), None, [], a[5]


def totals(scale):
    return {name: (i + 1) * scale for i, (scope, name, kind, _, _, _) in enumerate(counters())
            if name.endswith("_total")}


def gauges(scale):
    made = {name: (i % 7) * scale for i, (scope, name, kind, _, _, _) in enumerate(counters())
            if kind == "gauge" and scope != "class"}
    made.update(live_bytes=800 * scale, bin_bytes=3 * scale, partial_bytes=12 * scale, retained_bytes=40 * scale,
                mapped_bytes=900 * scale)
    return made


def rates(scale):
    return {**{name[: -len("_total")] + "_per_s": scale / 2 for name in totals(1)}, "window_ms": 10000}


def size_class(size, scale):
    made = {"size_bytes": size}
    for i, (scope, name, kind, _, _, _) in enumerate(counters()):
        if scope == "class":
            made[name] = (i + 1) * scale
    for name in ("allocs_per_s", "frees_per_s", "refills_per_s"):
        made[name] = scale / 10
    return made


def process(pid, **changes):
    made = {
        "pid": pid, "ppid": 1, "family": pid, "comm": "server", "exe": "/usr/bin/server", "exe_claimed": False,
        "program": "/usr/bin/server",
        "unit": "server.service", "uid": 0, "user": "root", "label": "", "state": "live", "ended": None,
        "age_s": 4000, "version": "0.1.0", "threads": 8, "live_bytes": 800 << 20, "bin_bytes": 3 << 20,
        "partial_bytes": 12 << 20, "retained_bytes": 40 << 20, "mapped_bytes": 900 << 20, "rss_bytes": 910 << 20,
        "allocs_total": 9007199254740991, "frees_total": 1000000000000000, "allocs_per_s": 3.4e6,
        "frees_per_s": 3.4e6, "generation_applied": 3, "idle_ms": 12,
    }
    made.update(changes)
    return made


LIST_ONLY = set(process(1))


def stats_of(listed, classes):
    made = dict(listed)
    made.update(totals={**totals(1000000), "allocs_total": listed["allocs_total"]}, gauges=gauges(1 << 20),
                rates=rates(1000), bounds={"allocs_lag_blocks": 64, "frees_lag_blocks": 128},
                tunables={t[0]: (t[7][0] if t[7] else t[6]) for t in tunables() if not t[1]})
    if classes:
        made["classes"] = [size_class(s, 1000 * (i + 1)) for i, s in enumerate((16, 64, 1280, 32768))]
    return made


def tuning_of(listed, values):
    known = {}
    for name, per_class, _, unit, low, high, default, choices, _ in tunables():
        if per_class:
            continue
        value = values.get(name, choices[0] if choices else default)
        changed = name in values
        known[name] = {
            "value": value, "effective": value, "default": choices[0] if choices else default,
            "min": choices[0] if choices else low, "max": choices[-1] if choices else high, "unit": unit,
            "source": "operator" if changed else "default", "generation": 3 if changed else 0,
            "remaining_s": 600 if changed else None, "verdict": "applied" if changed else "none"}
    return {"pid": listed["pid"], "generation_applied": 3, "generation_published": 3, "heaps_behind": 0,
            "tunables": known}


class Refusal(Exception):
    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.error = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data


class FakeDaemon:
    """Answers on `control` in a directory until stop(), each connection in a thread of its own."""

    def __init__(self, directory, processes=None):
        self.directory = directory
        self.processes = [process(4242), process(4343, comm="worker", unit=None)] if processes is None else processes
        self.values = {}        # tunables set by tune.set
        self.status = "applied"  # of every result
        self.reason = None
        self.requests = []      # (method, params)
        self.raw = None         # bytes to answer with, whatever is asked
        self.hang_up = False    # close instead of answering
        self.silent = False     # never answer
        self.refuse = {}        # method -> Refusal
        self.ticks = None       # notifications to send, None: without end
        self.after_ticks = "keep"  # or "close"
        self.vanish_after = None  # ticks after which no process is left
        self.stopping = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(os.path.join(directory, "control"))
        self.listener.listen(16)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.thread.join(30)
        try:
            os.unlink(os.path.join(self.directory, "control"))
        except FileNotFoundError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def params(self, method):
        """Parameters of the last request of that method."""
        return [p for m, p in self.requests if m == method][-1]

    # ---- serving ----

    def accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rwb") as stream:
                for line in stream:
                    if self.hang_up:
                        return
                    if self.raw is not None:
                        stream.write(self.raw)
                        stream.flush()
                    elif not self.silent:
                        self.answer(stream, json.loads(line))
        except (BrokenPipeError, ConnectionResetError, ValueError):
            pass  # the tool has gone, or after_ticks closed the stream

    def send(self, stream, message):
        stream.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        stream.flush()

    def answer(self, stream, request):
        method, params = request["method"], request.get("params", {})
        self.requests.append((method, params))
        try:
            if method in self.refuse:
                raise self.refuse[method]
            if method not in PARAMETERS:
                raise Refusal(-32601, f"no method {method}", {"methods": sorted(PARAMETERS)})
            for name in params:
                if name not in PARAMETERS[method]:
                    raise Refusal(-32602, f"{method}: unknown parameter {name}", {"param": name})
            result = getattr(self, "do_" + method.replace(".", "_"))(params)
        except Refusal as refusal:
            self.send(stream, {"id": request["id"], "error": refusal.error})
            return
        self.send(stream, {"id": request["id"], "result": result})
        if method == "subscribe":
            self.tick(stream, params)

    def tick(self, stream, params):
        sent = 0
        while (self.ticks is None or sent < self.ticks) and not self.stopping.wait(0.02):
            sent += 1
            if self.vanish_after is not None and sent > self.vanish_after:
                self.processes = []
            asked = {k: v for k, v in params.items() if k != "every_ms"}
            try:
                result = self.do_stats(asked)
            except Refusal:
                result = {"interval_ms": 1000, "processes": []}
            self.send(stream, {"method": "stats", "params": {"subscription": 1, **result}})
        if self.after_ticks == "close":
            stream.close()

    # ---- methods ----

    def select(self, params, needed=False):
        if needed and not any(s in params for s in SELECTORS):
            raise Refusal(-32602, "a selector is needed", {"param": "pid"})
        pids = params.get("pid")
        pids = [pids] if isinstance(pids, int) else pids
        chosen = [p for p in self.processes
                  if (pids is None or p["pid"] in pids)
                  and all(key not in params or p[key] == params[key] for key in ("comm", "exe", "unit", "uid", "label",
                                                                                 "family"))
                  and (p["state"] == "live" or params.get("dead"))]
        if not chosen and any(s in params for s in SELECTORS - {"all"}):
            raise Refusal(-32002, "no process matches the selector")
        return chosen

    def do_info(self, params):
        return {"version": "0.1.0", "abi_major": 1, "abi_minor": 0, "pid": os.getpid(), "uid": os.getuid(),
                "uptime_s": 3600, "interval_ms": 1000, "runtime_dir": self.directory,
                "config": {"file": None, "policies": []}, "systemd": False, "processes": len(self.processes),
                "dead": 0, "families": 1, "clients": 1, "samples_total": 12345, "hellos_total": 2,
                "hellos_refused_total": 1,
                "last_refusals": [{"pid": 9, "uid": 0, "reason": "segment of another ABI version", "age_s": 3}]}

    def do_list(self, params):
        return {"processes": self.select(params)}

    def do_stats(self, params):
        classes = params.get("classes", False)
        if params.get("scope", "process") == "host":
            chosen = self.select(params)
            host = {"processes": len(chosen), "threads": 8, "totals": totals(10 ** 9), "gauges": gauges(1 << 30),
                    "rates": rates(10 ** 5)}
            if classes:
                host["classes"] = [size_class(s, 10 ** 6) for s in (16, 64)]
            unit = {"unit": "server.service", "processes": 1, "totals": totals(10 ** 6), "gauges": gauges(1 << 20),
                    "rates": rates(1000)}
            return {"interval_ms": 1000, "host": host, "units": [unit]}
        return {"interval_ms": 1000, "processes": [stats_of(p, classes) for p in self.select(params)]}

    def do_subscribe(self, params):
        self.do_stats({k: v for k, v in params.items() if k != "every_ms"})
        return {"subscription": 1}

    def do_tune_get(self, params):
        return {"processes": [tuning_of(p, self.values) for p in self.select(params)]}

    def results(self, params, **more):
        return {"results": [{"pid": p["pid"], "comm": p["comm"], "status": self.status, "generation": 4,
                             "reason": self.reason, **more} for p in self.select(params, needed=True)]}

    def do_tune_set(self, params):
        for name in params["tunables"]:
            if name.partition(".")[2] not in ("", "16", "64", "1280", "32768"):
                raise Refusal(-32602, f"{name}: process 4242 has no such size class", {"param": "tunables"})
        self.values.update(params["tunables"])
        return self.results(params)

    def do_tune_reset(self, params):
        for name in params.get("names", list(self.values)):
            self.values.pop(name, None)
        return self.results(params)

    def do_trim(self, params):
        return self.results(params, released_bytes=3 << 20)

    def do_flush(self, params):
        return self.results(params)

    def do_schema(self, params):
        return {"counters": [{"name": n, "scope": s, "kind": k, "unit": u, "derived": d, "help": h}
                             for s, n, k, u, d, h in counters()],
                "tunables": [{"name": n, "per_class": p, "type": t, "choices": c, "unit": u, "min": c[0] if c else lo,
                              "max": c[-1] if c else hi, "default": c[0] if c else d, "effect": "slow_path", "help": h}
                             for n, p, t, u, lo, hi, d, c, h in tunables()]}
