#!/usr/bin/env python3
"""PHP, whose extensions Debian 12's loads with RTLD_DEEPBIND: by itself, as PHP-FPM behind nginx, and within Apache."""
import concurrent.futures
import glob
import os
import signal
import socket
import subprocess

import servers_test
from harness import DEADLINE_S, LIBRARY, main

REQUESTS = 300

PAGE = r"""<?php
// Work of one kind each, by number; the answer depends on it alone.
function words($n, $seed) {
    for ($i = 0, $made = []; $i < $n; $i++) $made[] = md5("$seed-$i");
    return $made;
}
function work($n) {
    $w = words(20 + $n % 300, $n);
    switch ($n % 10) {
    case 0: usort($w, fn($a, $b) => strcmp(strrev($a), strrev($b))); return implode(",", array_slice($w, 0, 50));
    case 1: return json_encode(json_decode(json_encode(array_map(fn($x) => ["k" => $x, "l" => [$x, strlen($x)]], $w))));
    case 2: return preg_replace_callback("/[0-4]+/", fn($m) => strlen($m[0]), implode(" ", $w));
    case 3: return serialize(unserialize(serialize(array_combine($w, array_reverse($w)))));
    case 4: return md5(str_repeat(implode("", $w), 200)) . strlen(gzcompress(str_repeat(implode($w), 30)));
    case 5:
        if (!extension_loaded("dom")) return "no dom";
        $d = new DOMDocument;
        $d->loadXML("<r>" . implode("", array_map(fn($x) => "<e a='$x'><f>" . strrev($x) . "</f></e>", $w)) . "</r>");
        $x = new DOMXPath($d);
        foreach ($x->query("//e[contains(@a, 'a1')]") as $e) $e->setAttribute("b", $e->textContent);
        return $d->saveXML() . simplexml_load_string($d->saveXML())->e[3]->f;
    case 6:
        if (!extension_loaded("pdo_sqlite")) return "no pdo_sqlite";
        $p = new PDO("sqlite::memory:");
        $p->exec("create table t(a text, b int)");
        $s = $p->prepare("insert into t values(?, ?)");
        foreach ($w as $i => $x) $s->execute([$x, $i]);
        $q = $p->query("select substr(a, 1, 1) x, count(*), sum(b), max(a) from t group by x");
        return json_encode($q->fetchAll());
    case 7:
        if (!extension_loaded("mbstring")) return "no mbstring";
        $t = mb_convert_encoding(implode(" ", $w) . " äöü ßÄÖÜ ελληνικά", "UTF-16", "UTF-8");
        return mb_strtoupper(mb_convert_encoding($t, "UTF-8", "UTF-16")) . mb_strlen($t, "UTF-16");
    case 8:
        if (!extension_loaded("gd")) return "no gd";
        $g = imagecreatetruecolor(60 + $n % 200, 100);
        for ($i = 0; $i < 40; $i++) imagefilledellipse($g, $i * 5, $i * 2, 30, 20, crc32("$n $i") & 0xffffff);
        ob_start(); imagepng(imagescale(imagerotate($g, 30, 0), 50)); return md5(ob_get_clean());
    default:
        if (!extension_loaded("intl")) return "no intl";
        $c = new Collator("de_DE"); $c->sort($w);
        $f = new NumberFormatter("de_DE", NumberFormatter::DECIMAL);
        return implode(" ", array_slice($w, 0, 20)) . $f->format($n * 12345.678)
            . MessageFormatter::formatMessage("en", "{0,plural,one{# thing} other{# things}}", [$n]);
    }
}
"""

COMMAND = PAGE + r"""
if (($argv[1] ?? "") === "extensions") { echo implode(" ", get_loaded_extensions()), "\n"; exit; }
for ($n = 0; $n < 200; $n++) echo $n, ": ", work($n), "\n";
"""

SERVED = PAGE + r"""
header("Content-Type: text/plain");
$n = (int)$_GET["n"];
echo work($n), "\n", strlen(file_get_contents("php://input")), " ", md5(file_get_contents("php://input")), "\n";
"""


def ask(address, n, family=socket.AF_UNIX):
    """A whole answer to a request with a body, without its head."""
    body = (b"%d " % n) * (n * 37 % 20000)
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(DEADLINE_S)
        s.connect(address)
        s.sendall(b"POST /page.php?n=%d HTTP/1.0\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (n, len(body)) + body)
        answer = b""
        while part := s.recv(65536):
            answer += part
    head, _, said = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0].split(b" ")[1], said


def ask_all(address, numbers, family=socket.AF_UNIX):
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        return list(pool.map(lambda n: ask(address, n, family), numbers))


def descendants(pid):
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in done.stdout.split()]


class Php(servers_test.Servers):
    def served_by_the_library(self, processes, preloaded):
        """Each of these processes has the library, or none."""
        for pid in processes:
            with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
                self.assertEqual(os.path.basename(LIBRARY) in maps.read(), preloaded, pid)

    def site(self, folder):
        os.chmod(folder, 0o755)
        with open(f"{folder}/page.php", "w", encoding="utf-8") as f:
            f.write(SERVED)

    def check_log(self, path):
        with open(path, encoding="utf-8", errors="replace") as log:
            self.assertNotRegex(log.read(), r"signal 11|signal 6|SIGSEGV|SIGABRT|Segmentation|Aborted|hakmem:")

    def live(self, address, server, reload, family=socket.AF_UNIX):
        """What is served, with a reload in the middle."""
        said = ask_all(address, range(REQUESTS // 2), family)
        before = set(descendants(server.pid))
        reload()
        self.wait_until(lambda: len(set(descendants(server.pid)) - before) >= 1, server, "new workers")
        self.wait_until(lambda: self.try_to(address, family), server, "it answers again")
        said += ask_all(address, range(REQUESTS // 2, REQUESTS), family)
        self.assertEqual({status for status, _ in said}, {b"200"})
        return said

    @staticmethod
    def try_to(address, family):
        try:
            return ask(address, 0, family)[0] == b"200"
        except (OSError, IndexError):
            return False

    def test_php(self):
        """With the extensions that its packages enable, with PHP's allocator over malloc and without it."""
        php, script = self.need("php"), self.write("work.php", COMMAND)
        self.assertGreater(len(self.same([php, script, "extensions"]).split()), 10)
        for own in ("1", "0"):
            said = self.same([php, script], env={"USE_ZEND_ALLOC": own})
            self.assertEqual(len(said.splitlines()) >= 200, True)

    def test_php_fpm(self):
        nginx = self.need("nginx")
        found = sorted(glob.glob("/usr/sbin/php-fpm*"))
        if not found:
            self.skipTest("php-fpm is not installed")
        fpm = self.need(os.path.basename(found[-1]))

        def run(preloaded, folder):
            self.site(folder)
            paths = " ".join(f"{name}_temp_path {folder}/{name};" for name in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            root = os.geteuid() == 0
            user = "user = www-data\ngroup = www-data\nlisten.mode = 0666\n" if root else ""
            with open(f"{folder}/fpm.conf", "w", encoding="utf-8") as f:
                f.write(f"[global]\nerror_log = {folder}/fpm.log\ndaemonize = no\n[www]\n{user}listen = {folder}/fpm\n"
                        "pm = static\npm.max_children = 3\npm.max_requests = 40\nclear_env = no\n")
            with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as f:
                f.write(f"daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;\n"
                        "events { worker_connections 100; }\n"
                        f"http {{ access_log off; client_max_body_size 10m; {paths}\n"
                        f"server {{ listen unix:{folder}/s; root {folder}; location ~ php$ {{\n"
                        "include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $request_filename;\n"
                        f"fastcgi_pass unix:{folder}/fpm; }} }} }}\n")
            workers = self.start([fpm, "-F", "-y", f"{folder}/fpm.conf"], preloaded, folder)
            self.wait_until(lambda: os.path.exists(f"{folder}/fpm"), workers, "PHP-FPM listens")
            front = self.start([nginx, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"], preloaded, folder)
            self.wait_until(lambda: self.try_to(f"{folder}/s", socket.AF_UNIX), front, "it answers")
            self.served_by_the_library([workers.pid, *descendants(workers.pid)[:1]], preloaded)
            said = self.live(f"{folder}/s", workers, lambda: workers.send_signal(signal.SIGUSR2))
            self.assertEqual(self.end(front, signal.SIGQUIT), 0)
            self.assertEqual(self.end(workers, signal.SIGQUIT), 0)
            self.check_log(f"{folder}/fpm.log")
            self.check_log(f"{folder}/log")
            return said
        self.both_ways(run)

    def test_php_apache(self):
        apache = self.need("apache2")
        modules = "/usr/lib/apache2/modules"
        php = sorted(glob.glob(f"{modules}/libphp*.so"))
        if not php:
            self.skipTest("libapache2-mod-php is not installed")

        def run(preloaded, folder):
            self.site(folder)
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            load = "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in
                           ("mpm_prefork", "authz_core", "mime", "dir"))
            user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
            with open(f"{folder}/httpd.conf", "w", encoding="utf-8") as f:
                f.write(f"ServerRoot {folder}\nPidFile {folder}/pid\nServerName x\n"
                        f"Listen 127.0.0.1:{port}\n{load}{user}"
                        f"LoadModule php_module {php[-1]}\nErrorLog {folder}/error.log\nDocumentRoot {folder}\n"
                        "TypesConfig /etc/mime.types\nStartServers 3\nMaxConnectionsPerChild 40\n"
                        f"<Directory {folder}>\nRequire all granted\n</Directory>\n"
                        "<FilesMatch php$>\nSetHandler application/x-httpd-php\n</FilesMatch>\n")
            # It signals all of its process group.
            server = self.start([apache, "-f", f"{folder}/httpd.conf", "-D", "FOREGROUND"], preloaded, folder,
                                start_new_session=True)
            self.addCleanup(self.end_group, server.pid)
            address = ("127.0.0.1", port)
            self.wait_until(lambda: self.try_to(address, socket.AF_INET), server, "it answers")
            self.served_by_the_library([server.pid, *descendants(server.pid)[:1]], preloaded)
            said = self.live(address, server, lambda: server.send_signal(signal.SIGUSR1), socket.AF_INET)
            self.assertEqual(self.end(server, signal.SIGTERM), 0)
            self.check_log(f"{folder}/error.log")
            self.check_log(f"{folder}/log")
            return said
        self.both_ways(run)


if __name__ == "__main__":
    main()
