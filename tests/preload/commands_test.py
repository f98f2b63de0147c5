#!/usr/bin/env python3
"""Programs that run to their end print the same under libhakmem.so as they do without it."""
import glob
import os

from harness import SOURCE, Case, main

BASH = r"""
set -euo pipefail
declare -A seen=()
text=
for ((i = 0; i < 20000; i++)); do
    seen[key$((i % 997))]=$((i * i % 1009))
    text+=$((i % 10))
done
echo "${#seen[@]} ${#text} ${text:100:20}"
for key in "${!seen[@]}"; do echo "$key=${seen[$key]}"; done | sort | cksum
list=()
for i in {1..3000}; do list+=("$(printf '%05d' "$i")"); done
printf '%s\n' "${list[@]}" | sort -r | sed -n '1p;$p' | tr 1 x
for i in {1..100}; do (x=$(echo "$i" | cat); [[ $x == "$i" ]]); done
while read -r a b; do echo "$b $a"; done < <(printf '%s %s\n' one two three four)
cat <<END
${text//[0-4]/_}
END
wait
trap 'echo trapped' EXIT
"""

PERL = r"""
use strict; use warnings;
my (%h, @a);
$h{"key" . ($_ * 7919 % 100003)} .= "value $_;" for 1 .. 60000;
push @a, [map { $_ * $_ } 1 .. $_ % 50] for 1 .. 3000;
my $text = join ' ', map { "$_=$h{$_}" } sort keys %h;
(my $copy = $text) =~ s/(\d+)/<$1>/g;
my $sum = 0; $sum += $_ for map { @$_ } @a;
print length $text, ' ', length $copy, ' ', unpack('%32C*', $copy) , " $sum\n";
for my $child (1 .. 8) {
    my $pid = open(my $pipe, '-|') // die;
    if (!$pid) { print join(',', map { $_ x 100 } 1 .. 100), "\n"; exit 0; }
    my $line = <$pipe>; close $pipe; print length $line, "\n";
}
printf "%s\n", join ',', (sort { $a <=> $b } map { ($_ * 16807) % 2147483647 } 1 .. 20000)[0 .. 9];
"""

NODE = r"""
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto'), zlib = require('zlib');
function digest(seed) {
  const map = new Map(), list = [];
  for (let i = 0; i < 40000; i++) {
    map.set('key' + (i * 7919 % 10007), { i, text: 'x'.repeat(i % 50) });
    if (i % 10 == 0) list.push(Buffer.alloc(i % 5000, seed + i));
  }
  const all = Buffer.concat(list), text = JSON.stringify([...map]);
  const packed = zlib.gzipSync(all), back = zlib.gunzipSync(packed);
  return [text.length, all.length, back.equals(all),
          crypto.createHash('sha256').update(text).update(all).digest('hex')].join(' ');
}
if (isMainThread) {
  const results = [];
  let left = 4;
  for (let i = 0; i < 4; i++) {
    const worker = new Worker(__filename, { workerData: i });
    worker.on('message', (m) => { results[i] = m; });
    worker.on('exit', (status) => {
      if (status !== 0) process.exit(1);
      if (--left === 0) console.log([digest(9), ...results].join('\n'));
    });
  }
} else {
  parentPort.postMessage(digest(workerData));
}
"""

JAVA = r"""
import java.util.*;
import java.util.concurrent.*;
public class Many {
    static long work(int seed) {
        Map<String, byte[]> map = new TreeMap<>();
        for (int i = 0; i < 20000; i++) map.put("key" + (i * 7919L % 1009), new byte[i % 3000 + seed]);
        long sum = 0;
        for (byte[] b : map.values()) sum = sum * 31 + b.length;
        return sum;
    }
    public static void main(String[] args) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Long>> all = new ArrayList<>();
        for (int i = 0; i < 64; i++) { final int n = i; all.add(pool.submit(() -> work(n))); }
        for (Future<Long> f : all) System.out.println(f.get());
        pool.shutdown();
        Thread[] threads = new Thread[200];
        for (int i = 0; i < threads.length; i++) { threads[i] = new Thread(() -> work(1)); }
        for (int k = 0; k < threads.length; k += 20) {
            for (int i = k; i < k + 20; i++) threads[i].start();
            for (int i = k; i < k + 20; i++) threads[i].join();
        }
        System.out.println("done");
    }
}
"""

# Several threads collect garbage, whatever the host has.
JAVA_OPTIONS = ["-XX:+UseParallelGC", "-XX:ParallelGCThreads=4", "-Xmx200m"]

SQL = r"""
pragma cache_size = 200;
create table t(id integer primary key, name text, amount integer, data blob);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 40000)
  insert into t select x, printf('name %d', x * 7919 % 10007), x * 31 % 997, zeroblob(x % 300) from c;
create index by_name on t(name, amount);
create index by_amount on t(amount);
delete from t where id % 7 = 0;
update t set data = hex(name) || name where id % 5 = 1;
select count(*), sum(amount), sum(length(data)), min(name), max(name) from t;
select amount, count(*), group_concat(name, ',') from t where amount < 5 group by amount order by amount;
select a.name, count(*) from t a join t b on a.name = b.name group by a.name order by 2 desc, 1 limit 10;
with recursive f(n, a, b) as (select 1, 0, 1 union all select n + 1, b, a + b from f where n < 80) select max(a) from f;
vacuum;
reindex;
pragma integrity_check;
.dump t
"""


class Commands(Case):
    def test_bash(self):
        self.same([self.need("bash"), self.write("script", BASH)])

    def test_ls(self):
        folders = [f for f in ("/usr/include", "/usr/share/perl", "/usr/lib/python3") if os.path.isdir(f)]
        self.assertIn(b"total", self.same([self.need("ls"), "-lR", *folders]))

    def test_perl(self):
        self.same([self.need("perl"), self.write("script", PERL)])

    def test_node(self):
        self.same([self.need("node"), self.write("script.js", NODE)])

    def test_sqlite3(self):
        with open(self.write("script", SQL), encoding="utf-8") as script:
            sql = script.read().encode()
        for name in (":memory:", "file"):
            def use(preloaded, folder):
                status, out, err = self.run_one([self.need("sqlite3"), name], preloaded, cwd=folder, input=sql)
                self.assertEqual((status, err), (0, b""))
                self.assertIn(b"\nok\n", out)
                return out
            self.both_ways(use)

    def test_java(self):
        self.same([self.need("java"), *JAVA_OPTIONS, "-version"])

    def test_java_threads(self):
        javac = self.need("javac")
        self.write("Many.java", JAVA)
        self.same([javac, "Many.java"])
        self.same([self.need("java"), *JAVA_OPTIONS, "-cp", self.dir, "Many"])

    def test_gcc(self):
        """Object files and a program, bit by bit."""
        sources = sorted(glob.glob(os.path.join(SOURCE, "shm", "*.c")))
        self.assertTrue(sources)
        options = ["-std=gnu17", "-D_GNU_SOURCE", '-DHAKMEM_VERSION="0"', f"-I{SOURCE}"]

        def compile_all(preloaded, folder):
            for level in ("-O2", "-O0"):
                made = self.run_one([self.need("gcc"), *options, level, "-g", "-fdebug-prefix-map=" + folder + "=.",
                                     "-c", *sources], preloaded, cwd=folder)
                self.assertEqual(made, (0, b"", b""))
            made = self.run_one(["gcc", *options, "-O3", "-flto=2", "-shared", "-fPIC", "-frandom-seed=1", *sources,
                                 "-o", "all.so"], preloaded, cwd=folder)
            self.assertEqual(made, (0, b"", b""))
            return read_all(folder)
        self.assertGreater(len(self.both_ways(compile_all)), 2)

    def test_git(self):
        """A repository of some hundred commits: made, cloned, packed, checked. Its ids are its contents."""
        git = self.need("git")
        day = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000",
               "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a",
               "GIT_COMMITTER_EMAIL": "a"}

        def live(preloaded, folder):
            def run(*words, where="origin", **more):
                status, out, err = self.run_one([git, *words], preloaded, env={**day, "HOME": folder},
                                                cwd=os.path.join(folder, where), **more)
                self.assertEqual(status, 0, f"git {words}: {err!r}")
                return out

            run("init", "-q", "-b", "main", "origin", where=".")
            run("fast-import", "--quiet", input=history())
            run("clone", "-q", "--no-local", "origin", "clone", where=".")
            run("fsck", "--full", "--strict")
            run("-c", "pack.threads=4", "gc", "-q", "--aggressive")
            run("-c", "pack.threads=4", "repack", "-adfq", "--window=50", where="clone")
            run("fsck", "--full", where="clone")
            return [run("rev-parse", "HEAD", where="clone"), run("log", "-p", "--stat", "-n", "50", where="clone"),
                    run("status", "--porcelain", where="clone"), run("grep", "-c", "line 7", where="clone"),
                    run("blame", "-s", "file3", where="clone"), run("count-objects", where="clone")]
        self.assertIn(b"commit ", self.both_ways(live)[1])

    def test_ldb(self):
        """Samba's database in a file, whose modules are loaded with RTLD_DEEPBIND."""
        add, change, search = (self.need(f"ldb{name}") for name in ("add", "modify", "search"))
        records = "".join(f"dn: cn=u{n},ou=o{n % 7},dc=x\nobjectClass: person\ncn: u{n}\nsn: {n * 7919 % 1000}\n"
                          f"description: {'text ' * (n % 60)}end\n\n" for n in range(400))
        index = "dn: @INDEXLIST\n@IDXATTR: sn\n@IDXATTR: objectClass\n\n"
        changes = "".join(f"dn: cn=u{n},ou=o{n % 7},dc=x\nchangetype: modify\nreplace: sn\nsn: {n % 5}\n\n"
                          for n in range(0, 400, 3))

        def live(preloaded, folder):
            said = []
            for command, text in ((add, index), (add, records), (change, changes)):
                with open(f"{folder}/ldif", "w", encoding="utf-8") as f:
                    f.write(text)
                said.append(self.run_one([command, "-H", f"tdb://{folder}/db", f"{folder}/ldif"], preloaded)[:2])
            for what in ("(sn=3)", "(&(objectClass=person)(description=*))", "(|(cn=u1*)(sn=4))", "(cn=nobody)"):
                said.append(self.run_one([search, "-H", f"tdb://{folder}/db", "-S", what], preloaded)[:2])
            return said
        said = self.both_ways(live)
        self.assertEqual([status for status, _ in said], [0] * 7)
        self.assertGreater(said[4][1].count(b"dn: "), 300)


def history():
    """A stream of commits for git fast-import."""
    made = []
    for n in range(300):
        made.append(f"commit refs/heads/main\ncommitter a <a> {1700000000 + n} +0000\ndata <<END\nnumber {n}\nEND\n")
        for name in (f"file{n % 10}", f"folder{n % 7}/file{n % 31}"):
            text = "".join(f"line {i} of {name} as of {n if i % 20 == n % 20 else n // 10}\n" for i in range(200))
            made.append(f"M 100644 inline {name}\ndata {len(text)}\n{text}\n")
    return "".join(made).encode()


def read_all(folder):
    contents = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            contents[name] = f.read()
    return contents


if __name__ == "__main__":
    main()
