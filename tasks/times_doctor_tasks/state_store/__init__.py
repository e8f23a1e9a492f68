"""Scans and runs in Redis: the connection, one Lua script a verb, the documents."""
