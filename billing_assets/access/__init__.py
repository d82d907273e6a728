"""Who may do what, and who did: users, roles, duty pairs, the approval ladder, requests, approvals, waivers, holds.

Belongs here: every rule about people. What they decided is kept by `ledger`; acting on it is the business of the
rooms below.
"""
