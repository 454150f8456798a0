"""Parts of one scan: which files a shard takes, a record beside its rows, all rows together."""
