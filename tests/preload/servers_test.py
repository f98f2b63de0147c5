#!/usr/bin/env python3
"""Servers and their workers do the same under libhakmem.so as they do without it: what they answer, what they
keep over a restart, and how they end."""
import os
import signal
import socket
import subprocess
import threading
import time

from harness import DEADLINE_S, Case, main
from reachable import as_user


class Servers(Case):
    def start(self, command, preloaded, cwd, **more):
        log = open(os.path.join(cwd, "log"), "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen(command, env=self.environment(preloaded), cwd=cwd, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, **more)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process, number=signal.SIGKILL):
        """Ends it, if it has not ended; its exit status."""
        if process.poll() is None:
            process.send_signal(number)
        return process.wait(DEADLINE_S)

    @staticmethod
    def end_group(leader):
        """Ends what a server has left in its session."""
        try:
            os.killpg(leader, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def wait_until(self, condition, process, what):
        end = time.monotonic() + DEADLINE_S
        while True:
            result = condition()
            if result:
                return result
            self.assertIsNone(process.poll(), f"the server ended before {what}")
            self.assertLess(time.monotonic(), end, f"waited too long: {what}")
            time.sleep(0.02)

    def must(self, command, preloaded, cwd, **more):
        status, out, err = self.run_one(command, preloaded, cwd=cwd, **more)
        with open(os.path.join(cwd, "log"), "rb") as log:
            self.assertEqual(status, 0, f"{command}: {err!r}\n{log.read()[-3000:]!r}")
        return out

    # ---- redis ----

    def test_redis(self):
        server, tool, bench = (self.need(p) for p in ("redis-server", "redis-cli", "redis-benchmark"))

        def begin(preloaded, folder):
            redis = self.start([server, "--port", "0", "--unixsocket", "s", "--save", "", "--dir", folder,
                                "--enable-debug-command", "local"], preloaded, folder)
            self.wait_until(lambda: self.run_one([tool, "-s", "s", "ping"], False, cwd=folder)[1] == b"PONG\n",
                            redis, "it answers")
            return redis

        def live(preloaded, folder):
            def ask(*words, **more):
                return self.must([tool, "-s", "s", *words], preloaded, folder, **more)

            redis = begin(preloaded, folder)
            self.must([bench, "-s", "s", "-q", "-n", "8000", "-c", "20", "-P", "8", "-r", "5000", "-d", "300",
                       "-t", "set,get,incr,lpush,lpop,sadd,hset,zadd,lrange_100,mset"], preloaded, folder)
            self.assertEqual(ask("flushall"), b"OK\n")
            said = [ask("--pipe", input=redis_commands())]
            said += [ask("dbsize"), ask("get", "key123"), ask("hget", "hash5", "field55"),
                     ask("zrange", "sorted", "0", "20"),
                     ask("sort", "list7", "alpha", "limit", "0", "5"), ask("debug", "digest")]
            ask("bgsave")  # a forked child writes all of it, while the parent changes it
            ask("--pipe", input=OVERWRITE)
            self.wait_until(lambda: b"rdb_bgsave_in_progress:0" in ask("info", "persistence"), redis, "the dump")
            self.assertIn(b"rdb_last_bgsave_status:ok", ask("info", "persistence"))
            ask("flushall")
            ask("memory", "purge")
            self.assertEqual(self.end(redis, signal.SIGTERM), 0)
            redis = begin(preloaded, folder)
            said += [ask("dbsize"), ask("debug", "digest")]
            self.assertEqual(self.end(redis, signal.SIGTERM), 0)
            return said
        said = self.both_ways(live)
        self.assertEqual(said[-1], said[-3])

    def test_redis_rewrites(self):
        """Dumps and rewrites by forked children, one after the other, under a load of writes; then all of it again."""
        server, tool, bench = (self.need(p) for p in ("redis-server", "redis-cli", "redis-benchmark"))

        def begin(preloaded, folder):
            redis = self.start([server, "--port", "0", "--unixsocket", "s", "--save", "", "--dir", folder,
                                "--appendonly", "yes", "--appendfsync", "no", "--enable-debug-command", "local",
                                "--maxmemory-policy", "noeviction", "--activedefrag", "no"], preloaded, folder)
            self.wait_until(lambda: self.run_one([tool, "-s", "s", "ping"], False, cwd=folder)[1] == b"PONG\n",
                            redis, "it answers")
            return redis

        def live(preloaded, folder):
            def ask(*words, **more):
                return self.must([tool, "-s", "s", *words], preloaded, folder, **more)

            def idle():
                info = ask("info", "persistence")
                return (b"aof_rewrite_in_progress:0" in info and b"aof_rewrite_scheduled:0" in info
                        and b"rdb_bgsave_in_progress:0" in info)

            redis = begin(preloaded, folder)
            ask("--pipe", input=redis_commands())
            load = self.start([bench, "-s", "s", "-q", "-n", "1000000", "-c", "10", "-P", "4", "-r", "3000",
                               "-d", "200", "-t", "set,incr,lpush,sadd,hset,zadd,lpop,mset", "-l"], preloaded, folder)
            for command in ("bgrewriteaof", "bgsave") * 3:
                self.wait_until(idle, redis, "the last child has ended")
                ask(command)
            self.wait_until(idle, redis, "the last child has ended")
            self.end(load)
            said = ask("info", "persistence")
            self.assertIn(b"rdb_last_bgsave_status:ok", said)
            self.assertIn(b"aof_last_bgrewrite_status:ok", said)
            digest = ask("debug", "digest")
            self.assertEqual(self.end(redis, signal.SIGTERM), 0)
            redis = begin(preloaded, folder)
            self.assertEqual(ask("debug", "digest"), digest)
            self.assertEqual(self.end(redis, signal.SIGTERM), 0)
            return True
        self.both_ways(live)

    # ---- memcached ----

    def test_memcached(self):
        """Threads, slabs that are taken from one size for another, evictions."""
        server = self.need("memcached")
        user = ["-u", "root"] if os.geteuid() == 0 else []

        def live(preloaded, folder):
            cache = self.start([server, "-s", f"{folder}/s", "-m", "16", "-t", "4", "-c", "200", *user], preloaded,
                               folder)
            self.wait_until(lambda: memcached(folder, b"version\r\n", b"\n"), cache, "it answers")
            said = []

            def client(number):
                text = b"".join(b"set k%d-%d 0 0 %d\r\n%s\r\n" % (number, n, size, b"v" * size)
                                for n in range(1500) for size in [(n * 37 + number) % 9000])
                answers = memcached(folder, text + b"mn\r\n", b"MN\r\n")
                said.append((number, answers.count(b"STORED"), answers.count(b"ERROR")))

            threads = [threading.Thread(target=client, args=(number,)) for number in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            memcached(folder, b"flush_all\r\n", b"OK\r\n")
            said.append(memcached(folder, b"set a 0 0 5\r\nvalue\r\nincr a 1\r\nget a b\r\n", b"END\r\n"))
            self.assertEqual(self.end(cache, signal.SIGTERM), 0)
            return sorted(said[:-1]), said[-1]
        self.assertEqual(self.both_ways(live)[0], [(number, 1500, 0) for number in range(12)])

    # ---- nginx ----

    def test_nginx(self):
        nginx = self.need("nginx")

        def live(preloaded, folder):
            # Its workers are another user's when root starts it.
            os.chmod(folder, 0o755)
            write_pages(folder)
            write_configuration(folder)
            master = self.start([nginx, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"], preloaded, folder)
            said = []
            workers = self.wait_until(lambda: children(master.pid, 3), master, "three workers")
            self.wait_until(lambda: answers(folder), master, "it answers")
            load = Load(folder)
            self.addCleanup(load.end)
            for _ in range(3):
                for n in range(60):
                    said.append(request(folder, f"/page{n % 20}", "Accept-Encoding: gzip\r\n" if n % 2 else ""))
                said.append(request(folder, "/proxy/page3"))
                said.append(request(folder, "/none"))
                master.send_signal(signal.SIGHUP)
                old = set(workers)
                workers = self.wait_until(lambda: replaced(master.pid, old), master, "new workers")
            load.end()
            self.assertEqual(load.wrong, [])
            self.assertGreater(load.served, 0)
            self.assertEqual(self.end(master, signal.SIGQUIT), 0)
            with open(f"{folder}/error.log", encoding="utf-8") as log:
                self.assertNotRegex(log.read(), r"\[(alert|emerg|crit)\]|signal 6|signal 11")
            return said
        self.assertTrue(all(b" 200 " in s or b" 404 " in s for s in self.both_ways(live)))

    # ---- postgres ----

    def test_postgres(self):
        initdb, server, psql, bench = (self.need(p) for p in ("initdb", "postgres", "psql", "pgbench"))
        more = as_user(self, "postgres")

        def live(preloaded, folder):
            if more:
                os.chown(folder, more["user"], more["group"])

            def ask(sql):
                return self.must([psql, "-h", folder, "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-XAtq", "-c", sql],
                                 preloaded, folder, **more)

            data = os.path.join(folder, "data")
            status, _, err = self.run_one([initdb, "-D", data, "-A", "trust", "-N", "--locale=C", "-E", "UTF8"],
                                          preloaded, cwd=folder, **more)
            self.assertEqual((status, err), (0, b""))
            postmaster = self.start([server, "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off",
                                     "-c", "max_parallel_workers_per_gather=2", "-c", "jit=on"],
                                    preloaded, folder, **more)
            self.wait_until(lambda: self.run_one([psql, "-h", folder, "-d", "postgres", "-c", ""], False, cwd=folder,
                                                 **more)[0] == 0, postmaster, "it answers")
            self.must([bench, "-h", folder, "-i", "-q", "-s", "1", "postgres"], preloaded, folder, **more)
            self.must([bench, "-h", folder, "-n", "-c", "30", "-j", "4", "-t", "20", "postgres"], preloaded, folder,
                      **more)
            self.must([bench, "-h", folder, "-n", "-C", "-c", "2", "-t", "15", "-S", "postgres"], preloaded, folder,
                      **more)
            said = [ask("select count(*), (select sum(bbalance) from pgbench_branches) = sum(abalance) from "
                        "pgbench_accounts"),
                    ask("select count(*), (select sum(tbalance) from pgbench_tellers) = sum(delta) from "
                        "pgbench_history"),
                    ask(QUERIES)]
            for step in ("reindex database postgres", "vacuum full analyze", "checkpoint"):
                ask(step)
            said.append(ask("select count(*), sum(length(text)) from t"))
            self.assertEqual(self.end(postmaster, signal.SIGINT), 0)
            with open(os.path.join(folder, "log"), encoding="utf-8") as log:
                self.assertNotIn("terminated by signal", log.read())
            return said
        said = self.both_ways(live)
        self.assertEqual(said[:2], [b"100000|t\n", b"600|t\n"])


QUERIES = """
create table t as select g as id, md5(g::text) as name, repeat(md5(g::text), g % 40) as text from
    generate_series(1, 30000) g;
create index on t(name);
select count(*), sum(length(text)), max(name), md5(string_agg(name, ',' order by id)) from t;
select substr(a.name, 1, 2), count(*) from t a join t b on substr(a.name, 1, 4) = substr(b.name, 3, 4)
    group by 1 order by 2 desc, 1 limit 10;
select count(distinct regexp_replace(text, '[0-4]+', '-', 'g')) from t where id < 5000;
select md5(json_agg(t order by id)::text) from t where id % 100 = 0;
"""


def redis_commands():
    made = []
    for n in range(8000):
        made += [f"set key{n} {'v' * (n % 400)}{n}", f"hset hash{n % 50} field{n} {n * n}",
                 f"rpush list{n % 20} item{n * 7919 % 10007}", f"zadd sorted {n * 31 % 997} member{n}",
                 f"sadd set{n % 10} {n}"]
    made += [f"append key{n} x{'more' * (n % 100)}" for n in range(0, 8000, 3)]
    made += [f"del key{n}" for n in range(0, 8000, 7)]
    return ("\r\n".join(made) + "\r\n").encode()


OVERWRITE = "".join(f"set key{n} other\r\nrpush list{n % 20} more\r\n" for n in range(8000)).encode()


def memcached(folder, text, last):
    """What it answers to these commands, up to what ends the last answer; None while it does not listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(DEADLINE_S)
        try:
            s.connect(f"{folder}/s")
        except OSError:
            return None
        sender = threading.Thread(target=s.sendall, args=(text,))
        sender.start()
        answer = b""
        while not answer.endswith(last):
            part = s.recv(65536)
            if not part:
                break
            answer += part
        sender.join()
        return answer


class Load:
    """Requests, by several threads, until it is ended."""

    def __init__(self, folder):
        self.folder, self.served, self.wrong, self.over = folder, 0, [], False
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def work(self):
        while not self.over:
            answer = answers(self.folder)
            if answer is not None and b" 200 " in answer:
                self.served += 1
            else:
                self.wrong.append(answer)

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join()


def write_pages(folder):
    os.mkdir(f"{folder}/pages")
    for n in range(20):
        with open(f"{folder}/pages/page{n}", "w", encoding="utf-8") as f:
            f.write("".join(f"line {i} of page {n}\n" for i in range(1 + n * 150)))
        os.utime(f"{folder}/pages/page{n}", (1700000000, 1700000000))


def write_configuration(folder):
    paths = " ".join(f"{name}_temp_path {folder}/{name};" for name in
                     ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as f:
        f.write(f"""daemon off; worker_processes 3; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 100; }}
http {{
    access_log off; gzip on; gzip_min_length 100; gzip_types *; default_type text/plain; {paths}
    server {{
        listen unix:{folder}/s;
        root {folder}/pages;
        location /proxy/ {{ proxy_pass http://unix:{folder}/s:/; }}
    }}
}}
""")


def request(folder, path, headers=""):
    """A whole answer, but for the time of day in it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(DEADLINE_S)
        s.connect(f"{folder}/s")
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode())
        answer = b""
        while part := s.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Date:")) + b"\r\n\r\n" + body


def answers(folder):
    try:
        return request(folder, "/page0")
    except OSError:
        return None


def children(pid, count):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            found = [int(word) for word in f.read().split()]
    except FileNotFoundError:
        return None
    return found if len(found) == count else None


def replaced(pid, old):
    now = children(pid, 3)
    return now if now and not old & set(now) else None


if __name__ == "__main__":
    main()
