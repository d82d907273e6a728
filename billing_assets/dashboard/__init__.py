"""The close on a page: web pages over the reporting snapshot and the ledger, read-only, on loopback.

Belongs here: how figures are shown, linked and downloaded. What a figure is, is decided by the models; decisions of
people (waivers, approvals) are not made here.
"""
