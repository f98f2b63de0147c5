#!/usr/bin/env python3
"""Small programs of many makes: what each prints and makes is the same under libhakmem.so as without it."""
import json
import os
import random
import shlex
import shutil
import subprocess

from harness import LIBRARY, Case, main

# A line each, as a shell reads it. Run in a folder with the files that prepare() makes. A program that is not installed
# is left out; the last of these are in the packages of ./dev deps suites.
TOOLS = r"""
sort --parallel=4 -S 8M words
sort -u -r words
uniq -c words
mawk '{ n[$1]++ } END { for (k = 0; k < 5000; k++) if ("word" k in n) print k, n["word" k] }' words
gawk 'BEGIN { for (i = 0; i < 30000; i++) { s = s "x" i; a[i] = s i % 7 } print length(s), length(a) }'
sed -E 's/([a-z]+)([0-9]+)/\2\1\2/g; $!N; P; D' words
grep -E -c '^(word[1-3]+|[0-9]*x)*[0-9]+$' words
join numbers numbers
comm numbers numbers
diff words numbers
od -c bytes
sha256sum bytes words
factor 123456789012345678901234567890 18446744073709551615 1000000016000000063
find . -type f -printf '%f %s\n'
tar --sort=name --mtime=@0 -cf - words numbers bytes data.json
gzip -9 -n -c words
bzip2 -c words
xz -T2 -6 --block-size=65536 -c bytes
zstd -T2 -15 -c words
openssl dgst -sha3-512 bytes
openssl enc -aes-256-cbc -pbkdf2 -S 0123456789abcdef -k pass -in bytes
jq -S . data.json
jq -c '[.[] | {k: .name, v: (.list | add)}] | group_by(.v % 7) | map(length)' data.json
sqlite3 data.db 'select count(*), sum(a), max(b) from t; select a, group_concat(b) from t group by a % 50'
perl -e 'print join(",", map { $_ * $_ } 1 .. 30000), scalar reverse "x" x 100000'
dash -c 'i=0; s=; while [ $i -lt 2000 ]; do s="$s$i"; i=$((i+1)); done; echo "${#s}" "$(echo "$s" | cut -c1-9)"'
objdump -d library.so
readelf -aW library.so
nm -D library.so
strings library.so
c++filt _ZNSt6vectorISsSaISsEE9push_backERKSs _ZSt4cout
gcc -O2 -S -o - -x c code.c
cpp -dM /dev/null
ld --verbose
cmake -P script.cmake
make -s -f makefile -j4
ninja -n -f build.ninja
apt-cache depends libc6
dpkg-query -W
file words bytes library.so
curl --silent file:///etc/passwd
socat -u OPEN:words STDOUT
git hash-object words bytes
gdb -batch -nx -ex 'print 2 + 3' -ex 'info functions hk_' library.so
valgrind -q --tool=none ls words
vim -Nesu NONE -c '%s/1/one/g' -c '%p' -c 'q!' numbers
lua5.4 -e 't = {} for i = 1, 50000 do t[i] = i .. "x" end print(#table.concat(t))'
php -r 'echo strlen(implode(",", range(1, 50000)));'
tclsh8.6 script.tcl
ruby -e 'puts (1..50000).map(&:to_s).sort.join(",").size; puts ObjectSpace.count_objects.size'
clang -O2 -S -o - -x c code.c
clang-format words.c
go version
rsync -rn --list-only data.json
stress-ng --malloc 2 --malloc-ops 2000 --quiet
"""

CODE = "".join(f"int f{n}(int a) {{ return a % {n + 3} ? f{max(n - 1, 0)}(a / 2) + {n} : a; }}\n" for n in range(400))
CMAKE = """set(list)
foreach(i RANGE 3000)
  list(APPEND list "item${i}")
  string(APPEND text "${i};")
endforeach()
list(SORT list)
list(GET list 77 one)
string(SHA256 sum "${list}${text}")
message(STATUS "${one} ${sum}")
"""
TCL = """for {set i 0} {$i < 30000} {incr i} { dict set d key$i [string repeat $i 3]; lappend l $i }
puts [string length $d],[llength [lsort -dictionary $l]],[regexp -all {[0-4]+} $d]
"""


class Tools(Case):
    def prepare(self):
        chance = random.Random(7)
        self.write("words", "".join(f"word{chance.randrange(5000)} x{n}\n" for n in range(40000)))
        self.write("numbers", "".join(f"{n:06}\n" for n in range(5000)))
        self.write("data.json", json.dumps([{"name": f"n{n}", "list": list(range(n % 30)), "d": {"x": [n] * 5}}
                                            for n in range(3000)]))
        self.write("code.c", CODE)
        self.write("words.c", CODE.replace("{", "\n{").replace(" ", "   "))
        self.write("script.cmake", CMAKE)
        self.write("script.tcl", TCL)
        self.write("makefile", "all: $(foreach i,1 2 3 4 5 6 7 8 9,t$(i))\nt%:\n\t@true $@\n")
        self.write("build.ninja", "rule r\n command = true $in\n" +
                   "".join(f"build o{n}: r words\n" for n in range(2000)))
        with open(self.path("bytes"), "wb") as f:
            f.write(chance.randbytes(500000))
        shutil.copy(LIBRARY, self.path("library.so"))
        if shutil.which("sqlite3"):
            sql = "create table t(a, b);" + "".join(f"insert into t values({n * 31 % 997}, 'text {n}');"
                                                    for n in range(3000))
            subprocess.run(["sqlite3", self.path("data.db")], input=f"begin;{sql}commit;", text=True, check=True)
        for name in os.listdir(self.dir):
            os.utime(self.path(name), (1700000000, 1700000000))

    def test_tools(self):
        self.prepare()
        for line in TOOLS.strip().splitlines():
            words = shlex.split(line)
            found = shutil.which(words[0]) or shutil.which(words[0], path="/usr/sbin:/sbin")
            if not found:
                continue
            with self.subTest(line):
                plain, ours = self.run_one(words, False), self.run_one(words, True)
                self.compare(words, plain, ours)
                Case.programs[words[0]] = found


if __name__ == "__main__":
    main()
