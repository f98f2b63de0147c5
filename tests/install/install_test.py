#!/usr/bin/env python3
"""Installs the build into a folder, and builds and runs programs against that: by pkg-config and by find_package."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD, SOURCE = os.environ["HAKMEM_BUILD"], os.environ["HAKMEM_SOURCE"]
CMAKE, CC = os.environ["HAKMEM_CMAKE"], os.environ["HAKMEM_CC"]
PROGRAM = """
#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    struct hakmem_snapshot now;
    void *volatile block = malloc(1000);
    if (hakmem_snapshot(&now, sizeof now) != 0 || now.live_blocks == 0)
        return 1;
    puts(hakmem_version());
    free(block);
    return 0;
}
"""
PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(scratch LANGUAGES C)
find_package(hakmem 0.1 REQUIRED)
foreach(kind hakmem static)
  add_executable(with_${kind} program.c)
  target_link_libraries(with_${kind} PRIVATE hakmem::${kind})
endforeach()
"""


def run(*command, **more):
    result = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if result.returncode:
        raise AssertionError(f"{' '.join(command)}: {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="hakmem-install-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.prefix = os.path.join(cls.dir, "prefix")
        for component in ("lib", "dev"):
            run(CMAKE, "--install", BUILD, "--prefix", cls.prefix, "--component", component)
        cls.library = glob.glob(f"{cls.prefix}/**/libhakmem.so.0", recursive=True)[0]
        cls.libdir = os.path.dirname(cls.library)
        cls.version = re.search(r"^project\(hakmem VERSION ([0-9.]+)", open(f"{SOURCE}/CMakeLists.txt").read(), re.M)[1]
        with open(os.path.join(cls.dir, "program.c"), "w", encoding="utf-8") as file:
            file.write(PROGRAM)

    def says_version(self, program, **env):
        self.assertEqual(run(program, env={**os.environ, **env}).strip(), self.version)

    def test_pkg_config(self):
        env = {**os.environ, "PKG_CONFIG_PATH": f"{self.libdir}/pkgconfig"}
        flags = run("pkg-config", "--cflags", "--libs", "hakmem", env=env).split()
        self.assertEqual(run("pkg-config", "--modversion", "hakmem", env=env).strip(), self.version)
        self.assertEqual(run("pkg-config", "--variable=preload", "hakmem", env=env).strip(), self.library)
        program = os.path.join(self.dir, "by_pkg_config")
        run(CC, f"{self.dir}/program.c", "-o", program, *flags)
        self.says_version(program, LD_LIBRARY_PATH=self.libdir)

    def test_find_package(self):
        project, build = os.path.join(self.dir, "project"), os.path.join(self.dir, "build")
        os.mkdir(project)
        shutil.copy(f"{self.dir}/program.c", project)
        with open(f"{project}/CMakeLists.txt", "w", encoding="utf-8") as file:
            file.write(PROJECT)
        run(CMAKE, "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_C_COMPILER={CC}")
        run(CMAKE, "--build", build)
        for kind in ("hakmem", "static"):
            self.says_version(os.path.join(build, f"with_{kind}"))
        needed = run("readelf", "-d", os.path.join(build, "with_static"))
        self.assertNotIn("libhakmem", needed)
        self.assertIn("[libhakmem.so.0]", run("readelf", "-d", os.path.join(build, "with_hakmem")))

    def test_preload_by_its_name(self):
        said = run("cat", "/proc/self/maps", env={**os.environ, "LD_PRELOAD": self.library})
        self.assertIn(os.path.realpath(self.library), said)

    def test_gdb_loads_its_commands(self):
        folder = f"{self.prefix}/share/gdb/auto-load"
        script = f"{folder}{os.path.realpath(self.library)}-gdb.py"
        self.assertTrue(os.path.isfile(script), glob.glob(f"{folder}/**/*.py", recursive=True))
        if not shutil.which("gdb"):
            self.skipTest("no gdb")
        said = run("gdb", "-nx", "-batch", "-iex", f"set auto-load scripts-directory {folder}", "-iex",
                   f"add-auto-load-safe-path {self.prefix}", self.library, "-ex", "help hakmem what")
        self.assertIn("hakmem what POINTER: what an address is", said)
        self.assertEqual(glob.glob(f"{self.prefix}/share/**/__pycache__", recursive=True), [])

    def test_no_path_of_the_build_folder(self):
        """What is installed for building with says nothing about where it was built."""
        for name in glob.glob(f"{self.prefix}/**/*", recursive=True):
            if os.path.isfile(name) and name.endswith((".cmake", ".pc", ".h", ".py")):
                with open(name, encoding="utf-8") as file:
                    text = file.read()
                self.assertNotIn(BUILD, text, name)
                self.assertNotIn(SOURCE, text, name)


if __name__ == "__main__":
    unittest.main()
