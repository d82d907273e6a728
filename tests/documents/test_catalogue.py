"""The page of controls is the one that the tables make, and it names everything in them."""

from billing_assets.controls import load_catalogue
from billing_assets.controls.plausibility import load_checks
from billing_assets.documents.catalogue import PAGE, render


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `python -m billing_assets.documents.catalogue`"


def test_every_control_has_a_section_that_its_row_leads_to() -> None:
    page = render()
    for control in load_catalogue():
        anchor = control.control_id.lower()
        assert page.count(f"[{control.control_id}](#{anchor})") == 1
        assert page.count(f'<a id="{anchor}"></a>{control.control_id} {control.name}\n') == 1
        for text in (control.what_is_wrong, control.suggested_cause, control.next_step, control.model):
            assert text in page


def test_every_plausibility_check_is_listed_with_what_it_expects() -> None:
    lines = render().splitlines()
    for check in load_checks():
        (line,) = [line for line in lines if line.startswith(f"| `{check.check_id}` ")]
        assert check.description in line
        assert check.expected in line


def test_a_table_row_has_as_many_cells_as_its_head() -> None:
    columns = 0
    for line in render().splitlines():
        cells = line.replace("\\|", "").count("|")
        if line.startswith("|"):
            columns = columns or cells
            assert cells == columns, line
        else:
            columns = 0
