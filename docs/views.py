"""Write the tables of docs/views.md anew from what the columns declare: python docs/views.py."""

from pathlib import Path

from pcap_analyzer.schema import Table
from pcap_analyzer.views.tables import VIEWS

PAGE = Path(__file__).with_name("views.md")
BEGIN, END = "<!-- columns of {} -->\n", "<!-- end of {} -->\n"


def columns_of(table: Table) -> str:
    """The columns as a table: name, type, unit, meaning, null."""
    lines = ["| column | type | unit | definition | null |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.name} | {one.kind} | {one.unit or ''} | {one.meaning} | {one.null or ''} |" for one in table.fields
    ]
    return "\n".join(lines) + "\n"


def renewed(page: str) -> str:
    """The page with the tables as they are now."""
    for name, table in VIEWS.items():
        before, _, rest = page.partition(BEGIN.format(name))
        _, _, after = rest.partition(END.format(name))
        page = before + BEGIN.format(name) + "\n" + columns_of(table) + "\n" + END.format(name) + after
    return page


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
