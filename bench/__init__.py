"""Measurements of whole steps, run by hand (`make bench`); never part of the tests."""
