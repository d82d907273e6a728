"""The book of record: what it takes, what it refuses, and that nothing in it can be changed unseen."""
