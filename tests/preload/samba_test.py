#!/usr/bin/env python3
"""Samba: files put and fetched over a share on loopback, server and client both under the library."""
import os
import random
import signal
import socket

import servers_test
from harness import LIBRARY, main

FILES = 12

CONFIGURATION = """[global]
server role = standalone server
map to guest = Bad User
guest account = nobody
smb ports = {port}
interfaces = lo
bind interfaces only = yes
lock directory = {folder}/run
state directory = {folder}/run
cache directory = {folder}/run
pid directory = {folder}/run
private dir = {folder}/run
ncalrpc dir = {folder}/run/ncalrpc
log file = {folder}/samba.log
disable spoolss = yes
load printers = no
printcap name = /dev/null
[share]
path = {folder}/share
guest ok = yes
read only = no
force user = root
"""


class Samba(servers_test.Servers):
    def test_samba(self):
        server, client = self.need("smbd"), self.need("smbclient")
        if os.geteuid() != 0:
            self.skipTest("smbd wants to be started by root")

        def run(preloaded, folder):
            for name in ("run", "share"):
                os.mkdir(f"{folder}/{name}")
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            with open(f"{folder}/smb.conf", "w", encoding="utf-8") as f:
                f.write(CONFIGURATION.format(folder=folder, port=port))
            smbd = self.start([server, "--foreground", "--no-process-group", f"--configfile={folder}/smb.conf",
                               "--debug-stdout"], preloaded, folder, start_new_session=True)
            self.addCleanup(self.end_group, smbd.pid)

            def ask(commands):
                return self.run_one([client, "-p", str(port), "-N", f"--configfile={folder}/smb.conf",
                                     "//127.0.0.1/share", "-c", commands], preloaded, cwd=folder)

            self.wait_until(lambda: ask("ls")[0] == 0, smbd, "it answers")
            with open(f"/proc/{smbd.pid}/maps", encoding="utf-8") as maps:
                self.assertEqual(os.path.basename(LIBRARY) in maps.read(), preloaded)
            said, chance = [], random.Random(7)
            for n in range(FILES):
                data = chance.randbytes(n * n * 20000)
                with open(f"{folder}/data", "wb") as f:
                    f.write(data)
                status = ask(f"put data d{n}; get d{n} back; mkdir dir{n}; rename d{n} dir{n}/e; allinfo dir{n}/e")[0]
                with open(f"{folder}/back", "rb") as back, open(f"{folder}/share/dir{n}/e", "rb") as kept:
                    said.append((status, back.read() == data, kept.read() == data))
            said.append(sorted(os.listdir(f"{folder}/share")))
            self.end(smbd, signal.SIGTERM)
            with open(f"{folder}/log", encoding="utf-8", errors="replace") as log:
                self.assertNotRegex(log.read(), r"PANIC|INTERNAL ERROR|hakmem:|signal (6|11)")
            return said
        said = self.both_ways(run)
        self.assertEqual(said[:FILES], [(0, True, True)] * FILES)


if __name__ == "__main__":
    main()
