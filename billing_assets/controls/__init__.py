"""What may be issued: the catalogue of controls bound to data, and the gate that acts on their results.

Belongs here: the typed catalogue and the pure decision. The controls themselves are dbt models (models/controls);
waivers and holds are decisions of people and come from the ledger; issuing belongs to `publication`.
"""

from billing_assets.controls.catalogue import Control, load_catalogue
from billing_assets.controls.evaluate import ask, evaluate
from billing_assets.controls.gate import Verdict, decide

__all__ = ["Control", "Verdict", "ask", "decide", "evaluate", "load_catalogue"]
