"""hakmem's heap for gdb: which thread has what, what lies in bins, what a pointer is. See "help hakmem".

Installed where gdb loads it by itself with libhakmem.so; else: (gdb) source PATH/libhakmem-gdb.py. It works on live
processes and on cores, and only reads. It needs no debug information: the library describes itself.
"""

import os
import sys

INSTALLED = "@HAKMEM_GDB_DIR@"

# What lies beside it, of a source tree, comes before what is installed. Nothing compiled is left behind there.
_here = os.path.dirname(os.path.abspath(__file__))
_path, _compiles = list(sys.path), sys.dont_write_bytecode
sys.path[:0] = [_here if os.path.isdir(os.path.join(_here, "hakmem_gdb")) else INSTALLED]
sys.dont_write_bytecode = True
try:
    import hakmem_gdb.commands
finally:
    sys.path[:], sys.dont_write_bytecode = _path, _compiles


hakmem_gdb.commands.add_all()
