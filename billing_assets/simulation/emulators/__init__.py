"""Emulators of the outside systems, written by this project from what their vendors document: for tests and training.

An emulator is no proof that the real system agrees: docs/reference says which of its answers are documented.
"""
