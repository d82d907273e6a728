"""Whether what has landed looks like what usually lands: vocabulary, ranges, completeness, volumes, schema drift.

Belongs here: the table of checks, what they read, and the Great Expectations suite that judges it. They warn and hold
nothing; their results become controls PLA-01 to PLA-05 in dbt. Exact money is never their business.
"""

from billing_assets.controls.plausibility.run import Judging, begin, run_plausibility
from billing_assets.controls.plausibility.suite import Result
from billing_assets.controls.plausibility.table import Check, Kind, load_checks

__all__ = ["Check", "Judging", "Kind", "Result", "begin", "load_checks", "run_plausibility"]
