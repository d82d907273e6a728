"""How a dbt node looks as a Dagster asset: key, group, owner, kinds. Facts come from the dbt project, not from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from billing_assets.transformation.phases import Phase

# Phase B reads the ledger as the run left it; the staging views do not show that, so the graph is told here.
AFTER_ISSUE = [dg.AssetKey(["ledger", name]) for name in ("issued_documents", "exceptions")]


class BillingTranslator(DagsterDbtTranslator):
    """Keys are [schema, relation]; the group is the step (folder) a model belongs to."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["resource_type"] not in ("model", "seed"):
            return spec
        spec = spec.replace_attributes(
            key=dg.AssetKey([node["schema"], node["name"]]),
            group_name=group_of(node["fqn"]),
            owners=[node["meta"]["owner"]],
            kinds={"dbt", "duckdb"},
        )
        if Phase.B in node["tags"]:
            spec = spec.merge_attributes(deps=AFTER_ISSUE)
        return spec


def group_of(fqn: list[str]) -> str:
    """The folder under the layer (`marts/invoicing` -> invoicing); a layer without folders names the group."""
    layers = fqn[1:-1]
    return layers[-1] if layers else "reference"
