"""hakmem's heap for gdb. See libhakmem-gdb.py, which loads this."""
