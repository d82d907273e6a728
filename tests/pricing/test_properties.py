"""What holds of every bill, whatever the contract: a batch of generated contracts, billed once, judged by property.

`make test` judges one batch, `make soak` further ones with other seeds. A failure names the property (the test) and
shows the smallest contract that breaks it, with its usage. A twin is the same contract with one thing changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from itertools import groupby

import pytest

from tests.pricing.batch import LEAST, WANTED, coverage, draw_batch
from tests.pricing.bills import Bills, bill

pytestmark = pytest.mark.dbt

SEED, PER_MODEL = 20260403, 9
_FURTHER = range(1, 9)
_MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
# An unrounded amount is kept to 12 decimals: sums of several may differ in the last ones.
_NEARLY = "0.000000001"
_LINE = (
    "bill_date, line_no, parent_line_no, charge_id, reference_id, line_kind, product, meter, group_key, service_from, "
    "service_to, quantity, unit, unrounded_amount, amount, currency"
)
_SEATS = "intermediate.int_recurring_lines__priced"
_RATED = "charge_id, group_key, service_from, service_to, raw_quantity, billable_quantity, unrounded_amount, tiers"


@pytest.fixture(scope="module", params=[SEED, *(pytest.param(seed, marks=pytest.mark.soak) for seed in _FURTHER)])
def bills(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bills]:
    of_seed: int = request.param
    found = bill(draw_batch(of_seed, PER_MODEL), tmp_path_factory.mktemp("batch"))
    yield found
    found.connection.close()


def _as_base(kind: str, columns: str, relation: str, where: str = "true") -> str:
    """Rows that a twin of the kind has otherwise than its base."""
    sides = [
        f"select twins.base_id as contract_id, {columns} from {relation} "
        f"inner join twins on {relation}.contract_id = twins.{side} where twins.kind = '{kind}' and {where}"
        for side in ("twin_id", "base_id")
    ]
    return (
        f"select *, 'of the twin' from ({sides[0]} except all {sides[1]}) "
        f"union all select *, 'of the base' from ({sides[1]} except all {sides[0]}) order by all"
    )


def _same_bill(bills: Bills, kind: str) -> None:
    bills.never(_as_base(kind, _RATED, "rated"))
    bills.never(_as_base(kind, _LINE, "lines"))
    assert bills.rows(f"select 1 from twins inner join lines on twin_id = contract_id where twins.kind = '{kind}'")


# -- the batch itself ----------------------------------------------------------------------------------------


def test_every_term_that_is_drawn_occurs(bills: Bills) -> None:
    found = coverage(list(bills.batch.cases))
    rare = [(name, value) for name in WANTED for value in WANTED[name] if found[name][value] < LEAST]
    assert not rare
    assert min(found["price model"].values()) >= PER_MODEL
    assert {kind for _, kind, _ in bills.batch.twins} == {
        "files", "duplicates", "late", "events", "hours", "days", "more", "tenfold", "untaxed", "idle", "restated",
        "first part", "second part",
    }  # fmt: skip


def test_every_contract_of_the_batch_is_rated(bills: Bills) -> None:
    bills.never("select contract_id, term_id, reason from intermediate.int_terms__unsupported")
    bills.never("select contract_id, * from intermediate.int_usage__unrated")
    assert not bills.rows("select * from raw_landing.quarantine")
    models = bills.rows("select distinct c.model from charges c inner join lines using (contract_id, charge_id)")
    assert len(models) == 11


# -- documents -----------------------------------------------------------------------------------------------


def test_lines_sum_to_the_total(bills: Bills) -> None:
    bills.never(
        "select d.contract_id, d.document_id, any_value(d.total), sum(l.amount) from documents d "
        "left join lines l using (document_id) group by all having any_value(d.total) is distinct from sum(l.amount)"
    )


def test_components_are_sums_by_kind(bills: Bills) -> None:
    bills.never(
        "select d.contract_id, d.document_id from documents d inner join lines l using (document_id) "
        "group by d.contract_id, d.document_id, d.subtotal, d.discount, d.credit_applied, d.tax, d.total having "
        "d.subtotal + d.discount + d.credit_applied + d.tax <> d.total "
        "or d.discount <> coalesce(sum(l.amount) filter (l.line_kind = 'discount'), 0) "
        "or d.credit_applied <> coalesce(sum(l.amount) filter (l.line_kind = 'credit'), 0) "
        "or d.tax <> coalesce(sum(l.amount) filter (l.line_kind = 'tax'), 0)"
    )


def test_every_line_has_its_document_and_its_place(bills: Bills) -> None:
    bills.never("select contract_id, document_id from lines anti join documents using (document_id)")
    bills.never(
        "select contract_id, document_id from lines group by all "
        "having min(line_no) <> 1 or max(line_no) <> count(*) or count(distinct line_no) <> count(*)"
    )
    bills.never(
        "select l.contract_id, l.document_id, l.line_no from lines l left join lines p "
        "on l.document_id = p.document_id and l.parent_line_no = p.line_no "
        "where (l.line_kind in ('discount', 'credit', 'tax')) <> (p.line_no is not null)"
    )


def test_no_line_is_in_another_currency_than_its_contract(bills: Bills) -> None:
    bills.never(
        "select l.contract_id, l.document_id, l.currency from lines l inner join documents d using (document_id) "
        "inner join contracts c on l.contract_id = c.contract_id "
        "where l.currency <> d.currency or l.currency <> c.currency"
    )


def test_amounts_are_whole_units_of_the_currency(bills: Bills) -> None:
    """Of what the contract rounds to, where that is coarser; a credit is money held, to the last minor unit."""
    bills.never(
        "select contract_id, document_id, line_no, amount, step from lines inner join contracts using (contract_id) "
        "where amount % if(line_kind = 'credit', minor_unit, step) <> 0"
    )


def _rounded(amount: Decimal, unit: Decimal, mode: str) -> Decimal:
    return (amount / unit).quantize(Decimal(1), _MODES[mode]) * unit


def test_each_charge_line_is_its_own_rounding(bills: Bills) -> None:
    found = bills.rows(
        "select contract_id, line_kind, charge_id, unrounded_amount, amount, step, mode from priced "
        "inner join contracts using (contract_id) left join charges using (contract_id, charge_id) "
        "where stage = 'line' and (line_kind in ('recurring', 'one_time') or line_kind = 'usage' and maximum is null)"
    )
    assert found
    bills.none_of([row for row in found if _rounded(row[3], row[5], row[6]) != row[4]])


@pytest.mark.parametrize(
    ("relation", "group", "where"),
    [
        ("priced", "''", "stage = 'total' and line_kind in ('usage', 'recurring', 'one_time', 'minimum')"),
        ("lines", "reference_id", "tax_rounding = 'by_tax' and line_kind = 'tax'"),
        ("lines", "''", "tax_rounding = 'total' and line_kind = 'tax'"),
        ("lines", "parent_line_no", "tax_rounding = 'line' and line_kind = 'tax'"),
        ("lines", "concat(parent_line_no, reference_id)", "tax_rounding = 'rate' and line_kind = 'tax'"),
    ],
    ids=["charges", "by tax", "tax in total", "tax by line", "tax by rate"],
)
def test_what_is_rounded_together_is_allocated_whole(bills: Bills, relation: str, group: str, where: str) -> None:
    found = bills.rows(
        f"select contract_id, bill_date, {group} as part, l.unrounded_amount, l.amount, step, mode, line_key "
        f"from {relation} l inner join contracts using (contract_id) "
        f"where {where} order by all"
    )
    assert found
    broken = []
    for (contract_id, bill_date, part), rows in groupby(found, lambda row: row[:3]):
        lines = list(rows)
        unit, mode = lines[0][5:7]
        exact, amount = (sum((row[place] for row in lines), Decimal(0)) for place in (3, 4))
        if _rounded(exact, unit, mode) != amount or any(abs(row[3] - row[4]) >= unit for row in lines):
            broken.append((contract_id, bill_date, part, exact, amount, unit, mode))
    bills.none_of(broken)


# -- usage and tiers -----------------------------------------------------------------------------------------


def test_quantity_is_conserved_from_events_to_rated_usage(bills: Bills) -> None:
    bills.never(
        "select r.contract_id, r.charge_id, sum(r.raw_quantity) as rated, any_value(c.used) as landed from rated r "
        "inner join charges c using (contract_id, charge_id) where c.aggregation = 'sum' and c.model <> 'capacity' "
        "group by all having rated <> landed"
    )
    bills.never(
        "select contract_id, charge_id, raw_quantity, included_used, credited_quantity, billable_quantity "
        "from intermediate.int_usage__credited inner join charges using (contract_id, charge_id) "
        "where divide_by = 1 and raw_quantity <> included_used + credited_quantity + billable_quantity"
    )


def test_service_periods_follow_one_another(bills: Bills) -> None:
    bills.never(
        "select contract_id, charge_id, service_to, next_from from (select contract_id, charge_id, service_to, "
        "lead(service_from) over (partition by contract_id, charge_id order by service_from) as next_from "
        "from (select distinct contract_id, charge_id, service_from, service_to from rated)) "
        "where next_from <> service_to"
    )


def test_no_more_is_included_than_the_contract_says(bills: Bills) -> None:
    bills.never(
        "select contract_id, charge_id, period_from, sum(included_used), any_value(allowance) from rated "
        "inner join charges using (contract_id, charge_id) group by all "
        "having sum(included_used) > any_value(allowance) or min(included_used) < 0"
    )


_TIERED = "intermediate.int_usage__tiers_priced t inner join charges c using (contract_id, charge_id)"


def test_tiers_are_continuous(bills: Bills) -> None:
    bills.never(
        "select contract_id, charge_id, service_from, group_key, tier_no, from_quantity, before from (select t.*, "
        "coalesce(lag(up_to) over (partition by contract_id, charge_id, service_from, group_key, cell_key "
        f"order by tier_no), 0) as before from {_TIERED} where not c.has_volume) where from_quantity <> before"
    )


def test_tiers_hold_the_whole_quantity(bills: Bills) -> None:
    bills.never(
        "select r.contract_id, r.charge_id, r.group_key, r.service_from, any_value(r.billable_quantity), "
        "sum(t.quantity) from rated r inner join charges c using (contract_id, charge_id) "
        "inner join intermediate.int_usage__tiers_priced t using (contract_id, charge_id, service_from, group_key) "
        "where c.model in ('unit', 'graduated', 'volume', 'graduated_percentage', 'percentage', 'dynamic') "
        "group by all having any_value(r.billable_quantity) <> sum(t.quantity)"
    )


def test_tiers_add_up_to_the_price(bills: Bills) -> None:
    tiers = " union all ".join(
        f"select contract_id, charge_id, service_from, group_key, amount from intermediate.{relation}"
        for relation in ("int_usage__tiers_priced", "int_event_tiers__priced")
    )
    bills.never(
        "select r.contract_id, r.charge_id, r.group_key, r.service_from, any_value(r.priced_amount), sum(t.amount) "
        f"from rated r left join ({tiers}) t "
        "using (contract_id, charge_id, service_from, group_key) group by all "
        "having any_value(r.priced_amount) <> coalesce(sum(t.amount), 0)"
    )


def test_more_usage_never_costs_less(bills: Bills) -> None:
    """Volume prices are left out: a higher tier may be cheaper as a whole. They are judged within a tier, below."""
    bills.never(
        "with base as (select base_id, charge_id, period_from, sum(unrounded_amount) as amount "
        "from rated inner join twins on contract_id = base_id where kind = 'more' group by all), "
        "more as (select base_id, charge_id, period_from, sum(unrounded_amount) as amount "
        "from rated inner join twins on contract_id = twin_id where kind = 'more' group by all) "
        "select base_id, charge_id, period_from, base.amount, more.amount from base "
        "full join more using (base_id, charge_id, period_from) inner join charges c using (charge_id) "
        "where c.contract_id = base_id and not has_volume and not coalesce(base.amount <= more.amount, false)"
    )


def test_more_in_the_same_tier_never_costs_less(bills: Bills) -> None:
    bills.never(
        "select base_id, b.charge_id, b.tier_no, b.quantity, b.amount, m.quantity, m.amount from twins "
        "inner join intermediate.int_usage__tiers_priced b on base_id = b.contract_id "
        "inner join intermediate.int_usage__tiers_priced m on twin_id = m.contract_id and b.charge_id = m.charge_id "
        "and b.service_from = m.service_from and b.group_key = m.group_key and b.cell_key = m.cell_key "
        "and b.tier_no = m.tier_no where kind = 'more' and m.quantity >= b.quantity and m.amount < b.amount"
    )


def test_a_minimum_is_reached(bills: Bills) -> None:
    bills.never(
        "select r.contract_id, r.charge_id, r.period_to, any_value(c.minimum), sum(l.amount) from "
        "(select distinct contract_id, charge_id, period_from, period_to from rated) r "
        "inner join charges c using (contract_id, charge_id) inner join contracts using (contract_id) "
        "inner join intermediate.int_contracts__billing_periods p "
        "on r.contract_id = p.contract_id and r.period_from = p.period_from "
        "left join priced l on r.contract_id = l.contract_id and r.charge_id = l.charge_id "
        "and r.period_to = l.bill_date and l.line_kind in ('usage', 'minimum') "
        "where c.minimum is not null and stage = 'line' and r.period_to <= date '2026-04-03' "
        "and (not c.prorate or (p.period_from = p.full_from and p.period_to = p.full_to)) "
        "group by all having coalesce(sum(l.amount), 0) <= any_value(c.minimum - step)"
    )


def test_a_recurring_charge_keeps_its_maximum_through_changes_inside_a_period(bills: Bills) -> None:
    bills.never(
        "select l.contract_id, l.charge_id, p.period_no, sum(l.unrounded_amount), any_value(c.maximum) from lines l "
        "inner join charges c using (contract_id, charge_id) "
        "inner join intermediate.int_contracts__billing_periods p on p.contract_id = l.contract_id "
        "and l.service_from >= p.period_from and l.service_from < p.period_to "
        "where l.line_kind = 'recurring' and c.maximum is not null "
        # each part of a period is divided to twelve decimals
        "group by all having sum(l.unrounded_amount) > any_value(c.maximum) + 0.000000001"
    )


def test_a_maximum_is_kept_and_spread_whole(bills: Bills) -> None:
    bills.never(
        "select contract_id, charge_id, period_from, sum(unrounded_amount), any_value(r.maximum) from rated r "
        "inner join charges c using (contract_id, charge_id) where c.maximum is not null group by all "
        "having sum(unrounded_amount) > any_value(c.maximum) or "
        "(bool_or(is_capped) and (sum(unrounded_amount) <> any_value(r.maximum) "
        "or sum(priced_amount) <= sum(unrounded_amount) or min(unrounded_amount) < 0))"
    )
    found = bills.rows(
        "select l.contract_id, l.charge_id, l.bill_date, sum(l.amount), any_value(c.maximum), any_value(step), "
        "any_value(mode) from priced l inner join charges c using (contract_id, charge_id) "
        "inner join contracts using (contract_id) "
        "where l.line_kind = 'usage' and c.maximum is not null and stage = 'line' group by all"
    )
    assert found
    # Whole units are billed of a maximum that is none.
    bills.none_of([row for row in found if row[3] > _rounded(row[4], row[5], row[6])])


def test_without_usage_only_fixed_fees_are_due(bills: Bills) -> None:
    bills.never(
        "select l.contract_id, l.charge_id, l.unrounded_amount from lines l inner join contracts using (contract_id) "
        "inner join charges c using (contract_id, charge_id) where contracts.kind = 'idle' "
        "and l.line_kind = 'usage' and not c.is_due_at_zero and l.unrounded_amount <> 0"
    )
    bills.never(_as_base("idle", "charge_id, line_kind, service_from, service_to, quantity, unrounded_amount",
                         "priced", "line_kind in ('recurring', 'one_time', 'prepaid')"))  # fmt: skip


# -- twins ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["events", "hours", "days"])
def test_usage_may_be_split(bills: Bills, over: str) -> None:
    _same_bill(bills, over)


def test_files_change_nothing(bills: Bills) -> None:
    _same_bill(bills, "files")


def test_duplicates_change_nothing(bills: Bills) -> None:
    _same_bill(bills, "duplicates")
    assert bills.rows("select 1 from raw_landing.conservation having sum(duplicate) > 100")


def test_arrival_a_night_later_changes_nothing(bills: Bills) -> None:
    _same_bill(bills, "late")


def test_a_second_run_changes_nothing(bills: Bills) -> None:
    """The second night brought usage of the late twins only: every other contract has the same rows everywhere."""
    late = "(select twin_id from twins where kind = 'late')"
    bills.never(
        "select contract_id, relation, n.rows, a.rows from noted n full join noted_again a "
        f"using (contract_id, relation) where contract_id not in {late} and n.content is distinct from a.content"
    )
    assert bills.rows(f"select 1 from noted where contract_id in {late}")


def test_tenfold_prices_give_tenfold_amounts(bills: Bills) -> None:
    for relation, amount in (
        ("rated", "priced_amount"),
        ("intermediate.int_recurring_lines__priced", "unrounded_amount"),
    ):
        per_line = f"charge_id, group_key, service_from, service_to, sum({amount}) as amount"
        bills.never(
            f"with base as (select base_id, {per_line} from {relation} inner join twins on contract_id = base_id "
            "where kind = 'tenfold' group by all), tenfold as ("
            f"select base_id, {per_line} from {relation} inner join twins on contract_id = twin_id "
            "where kind = 'tenfold' group by all) "
            "select base_id, charge_id, group_key, service_from, base.amount, tenfold.amount from base "
            "full join tenfold using (base_id, charge_id, group_key, service_from, service_to) "
            f"where abs(coalesce(tenfold.amount, 0) - 10 * coalesce(base.amount, 0)) > {_NEARLY}"
        )


def test_saying_the_same_again_changes_nothing(bills: Bills) -> None:
    """A later version with the same terms: what a charge comes to on a bill stays, though its lines may be in parts."""
    bills.never(_per_charge("restated", "bill_date", "lines", "line_kind in ('usage', 'recurring', 'one_time')"))


def test_prorated_parts_add_up_to_the_whole(bills: Bills) -> None:
    """Seats of a contract that ends on a day and of one that begins on it, against one that does neither."""
    bills.never(_per_charge("first part", "1 as one", _SEATS, "line_kind = 'recurring'", "second part"))


def _per_charge(kind: str, by: str, relation: str, where: str, other: str = "") -> str:
    """Charges whose unrounded amount in all twins of the kinds is not that of the base."""
    sides = [
        f"select twins.base_id, charge_id, {by}, {sign} * unrounded_amount as amount from {relation} inner join twins "
        f"on contract_id = twins.{side} where twins.kind in {kinds} and {where}"
        for side, sign, kinds in (("twin_id", 1, (kind, other)), ("base_id", -1, f"('{kind}')"))
    ]
    return (
        f"select base_id, charge_id, {by.split()[-1]}, sum(amount) as difference, max(abs(amount)) from "
        f"({' union all '.join(sides)}) group by all having abs(difference) > {_NEARLY}"
    )


# -- commitments, discounts, credits, tax --------------------------------------------------------------------


def test_a_minimum_spend_is_reached(bills: Bills) -> None:
    bills.never(
        "select p.contract_id, p.period_to, any_value(m.amount), sum(l.amount) from commitments m "
        "inner join contracts using (contract_id) "
        "inner join intermediate.int_contracts__billing_periods p using (contract_id) "
        "left join priced l on p.contract_id = l.contract_id "
        "and l.service_from >= p.period_from and l.service_from < p.period_to "
        "and (l.line_kind = 'true_up' or (l.line_kind in ('usage', 'recurring', 'one_time', 'minimum') "
        "and (m.scope is null or list_contains(m.scope, l.charge_id)))) "
        "where m.kind = 'minimum_spend' and p.period_to <= date '2026-04-03' "
        "and (not m.prorate or (p.period_from = p.full_from and p.period_to = p.full_to)) "
        "group by all having coalesce(sum(l.amount), 0) <= any_value(m.amount - step)"
    )


def test_a_windowed_commitment_costs_what_it_says(bills: Bills) -> None:
    bills.never(
        "with consumed as (select p.contract_id, p.period_to, any_value(m.amount) as committed, "
        "any_value(m.true_up) as true_up, any_value(step) as step, "
        "coalesce(sum(l.amount) filter (l.line_kind = 'usage'), 0) as used, "
        "coalesce(sum(l.amount) filter (l.line_kind = 'minimum'), 0) as topped_up, "
        "coalesce(sum(l.amount) filter (l.line_kind in ('overage', 'true_up')), 0) as added from commitments m "
        "inner join contracts using (contract_id) "
        "inner join intermediate.int_contracts__billing_periods p using (contract_id) "
        "left join priced l on p.contract_id = l.contract_id and p.period_to = l.bill_date "
        "and l.charge_id in ('u0', 'windowed') "
        "where m.kind = 'windowed' and p.period_to <= date '2026-04-03' group by all) "
        # a charge's minimum counts towards what was committed, and is no usage above it
        "select contract_id, period_to, committed, used, added from consumed where abs(added - case "
        "when used > committed then (used - committed) * 0.5 "
        "when true_up then greatest(committed - used - topped_up, 0) else 0 end) >= step"
    )


# Lines that others belong to, with what discounts, and credits as well, have left of them.
_LEFT = (
    "select p.contract_id, p.document_id, p.line_no, p.line_kind, p.charge_id, p.product, p.amount, "
    "p.amount + sum(if(l.line_kind = 'discount', l.amount, 0)) as discounted, "
    "p.amount + sum(if(l.line_kind in ('discount', 'credit'), l.amount, 0)) as taxable "
    "from lines p left join lines l on p.document_id = l.document_id and p.line_no = l.parent_line_no "
    "where p.parent_line_no is null "
    "group by p.contract_id, p.document_id, p.line_no, p.line_kind, p.charge_id, p.product, p.amount"
)


def test_discounts_never_go_below_zero(bills: Bills) -> None:
    bills.never(
        f"select * from ({_LEFT}) where (amount >= 0 and discounted not between 0 and amount) "
        "or (amount < 0 and discounted not between amount and 0)"
    )


def test_an_amount_off_is_spread_whole(bills: Bills) -> None:
    """All of it is given, unless nothing is left of the lines it applies to; never more than it says."""
    bills.never(
        f"with whole as (select * from ({_LEFT})), given as (select w.contract_id, w.document_id, d.discount_id, "
        "any_value(d.value) as value, sum(greatest(w.discounted, 0)) as rest, (select -sum(l.amount) from lines l "
        "where l.document_id = w.document_id and l.reference_id = d.discount_id) as given "
        "from whole w inner join discounts d using (contract_id) "
        "where d.kind = 'amount' and w.line_kind <> 'prepaid' "
        "and (d.scope is null or list_has_any(d.scope, [w.charge_id, w.product])) "
        "group by w.contract_id, w.document_id, d.discount_id) "
        "select contract_id, document_id, value, given, rest from given inner join contracts using (contract_id) "
        "where abs(given - value) >= step and (given > value or rest <> 0)"
    )


def test_a_percentage_off_is_its_share(bills: Bills) -> None:
    """Where it is a contract's only discount: of each line, or of all its lines in one where they are rounded so."""
    found = bills.rows(
        f"with whole as (select * from ({_LEFT})), single as (select contract_id from discounts group by all "
        "having count(*) = 1), given as (select w.*, d.value, stage, step, mode, bool_or(w.discounted <> w.amount) "
        "over (partition by w.document_id) as is_given from whole w semi join single using (contract_id) "
        "inner join contracts using (contract_id) inner join discounts d using (contract_id) where d.kind = 'percent' "
        "and w.line_kind <> 'prepaid' and not contracts.is_inclusive "
        "and (d.scope is null or list_has_any(d.scope, [w.charge_id, w.product]))) "
        "select contract_id, document_id, sum(amount::decimal(18, 4) * value::decimal(9, 4)), "
        "sum(amount - discounted), step, mode from given where is_given "
        "group by contract_id, document_id, step, mode, if(stage = 'line', line_no, 0)"
    )
    assert found
    bills.none_of([row for row in found if _rounded(row[2] / 100, row[4], row[5]) != row[3]])


def test_credits_never_exceed_the_bill(bills: Bills) -> None:
    bills.never(f"select * from ({_LEFT}) where amount >= 0 and taxable < 0")
    bills.never(
        "select contract_id, document_id, subtotal, discount, credit_applied, total, paid_from_credits from documents "
        "where credit_applied > 0 or (credit_applied < 0 and subtotal + discount + credit_applied < 0) "
        "or paid_from_credits < 0 or paid_from_credits > greatest(total, 0)"
    )


def test_credit_balances_never_fall_below_zero(bills: Bills) -> None:
    balances = "intermediate.int_credit_balances__rolled"
    bills.never(
        f"select contract_id, grant_id, period, opening, used, closing from {balances} "
        "where least(opening, granted, used, expired, closing, overage) < 0"
    )
    assert bills.rows(f"select 1 from {balances} where used > 0 limit 1")


def test_credit_balances_roll_forward(bills: Bills) -> None:
    bills.never(
        "select contract_id, grant_id, period, opening, granted, used, expired, closing from ("
        "select *, coalesce(lag(closing) over (partition by contract_id, grant_id order by period), 0) as before "
        "from intermediate.int_credit_balances__rolled) "
        "where opening <> before or opening + granted - used - expired <> closing"
    )


def test_credits_used_are_credits_given(bills: Bills) -> None:
    """What grants lost is what bills, nil ones too, were reduced by or paid from them: all that are due."""
    bills.never(
        "with used as (select contract_id, sum(used) as used from intermediate.int_credit_balances__rolled "
        "where pool <> 'units' group by all), "
        "given as (select contract_id, sum(paid_from_credits - credit_applied) filter (is_due) as due, "
        "sum(paid_from_credits - credit_applied) as drafted from intermediate.int_documents__totalled group by all) "
        "select contract_id, used, due, drafted from used left join given using (contract_id) "
        "where used not between coalesce(due, 0) and coalesce(drafted, 0)"
    )


def test_usage_is_worth_what_it_costs(bills: Bills) -> None:
    """Where credit divides a service period, what its usage is worth hour by hour makes the price, tiers and all."""
    worth = (
        "select contract_id, charge_id, service_from, group_key, sum(worth) as worth "
        "from intermediate.int_usage__valued group by all"
    )
    parts = (
        f"({worth}) inner join intermediate.int_usage__rated using (contract_id, charge_id, service_from, group_key)"
    )
    # Each part is rounded to the 12th place.
    bills.never(
        f"select contract_id, charge_id, group_key, worth, priced_amount from {parts} "
        "where abs(worth - priced_amount) > 0.000000001"
    )
    models = bills.rows(f"select distinct model from {parts} where tiers like '%\"tier\":2%'")
    assert {("graduated",), ("graduated_percentage",)} & set(models)


def test_units_used_are_units_taken_off(bills: Bills) -> None:
    """What grants in a meter's unit lost by the business date is what rated usage was lessened by."""
    bills.never(
        "with used as (select contract_id, sum(used) as used from intermediate.int_credit_balances__rolled "
        "where pool = 'units' group by all), taken as (select contract_id, sum(credited_quantity) as taken "
        "from intermediate.int_usage__credited group by all) "
        "select contract_id, used, taken from used full join taken using (contract_id) "
        "where coalesce(used, 0) <> coalesce(taken, 0)"
    )


def test_what_is_exempt_bears_no_tax(bills: Bills) -> None:
    bills.never(
        "select contract_id, document_id, tax from documents inner join contracts using (contract_id) "
        "where not has_taxes and tax <> 0"
    )
    bills.never(
        "select l.contract_id, l.document_id, l.charge_id, t.scope from lines l inner join taxes t "
        "on l.contract_id = t.contract_id and l.reference_id = t.tax_code where l.line_kind = 'tax' "
        "and t.scope is not null and not list_has_any(t.scope, [l.charge_id, l.product])"
    )


def test_a_tax_is_its_rate_of_what_is_left(bills: Bills) -> None:
    bills.never(
        f"with whole as (select * from ({_LEFT})) "
        "select w.contract_id, w.document_id, w.charge_id, w.taxable, t.rate_percent, l.unrounded_amount from whole w "
        "inner join lines l on w.document_id = l.document_id and w.line_no = l.parent_line_no and l.line_kind = 'tax' "
        "inner join taxes t on w.contract_id = t.contract_id and l.reference_id = t.tax_code "
        f"where not t.inclusive and abs(l.unrounded_amount - w.taxable * t.rate_percent / 100) > {_NEARLY}"
    )


def test_an_inclusive_tax_keeps_the_gross_amount(bills: Bills) -> None:
    bills.never(_untaxed("inclusive", "d.total <> u.total"))


def test_an_added_tax_changes_nothing_else(bills: Bills) -> None:
    bills.never(
        _untaxed(
            "not inclusive",
            "d.total - d.tax <> u.total or (d.subtotal, d.discount, d.credit_applied) "
            "is distinct from (u.subtotal, u.discount, u.credit_applied)",
        )
    )


def _untaxed(which: str, differs: str) -> str:
    """Documents (d) of contracts with such taxes that differ from those (u) of the twin without."""
    sides = [
        f"select chosen.base_id, documents.* from chosen inner join documents on chosen.{side} = contract_id"
        for side in ("base_id", "twin_id")
    ]
    return (
        f"with chosen as (select * from twins where kind = 'untaxed' and base_id in "
        f"(select contract_id from taxes where {which})), d as ({sides[0]}), u as ({sides[1]}) "
        "select base_id, bill_date, d.total, d.tax, u.total from d full join u using (base_id, bill_date) "
        f"where ({differs}) is distinct from false"
    )
