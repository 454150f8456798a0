"""Threads of a scan under another Python, such as a free-threaded one."""
