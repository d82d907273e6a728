"""The record survives being killed anywhere."""
