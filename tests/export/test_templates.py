"""Templates without their engine give what the engine gives."""

import marshal

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from pcap_analyzer.export import compiler, html, language, templates, tightened
from pcap_analyzer.report import build_report
from tests.report import synthetic

ENGLISH = templates.FILTERS | language.functions("en")


def engine(loader):
    """jinja2 itself, as strict."""
    made = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    made.filters |= ENGLISH
    made.globals |= language.functions("en") | {"spoken": "en", "namespace": jinja2.utils.Namespace}
    return made


def ours(folder, values):
    """The page that a template called `page` in `folder` becomes with us."""
    codes = marshal.loads(compiler.compiled(str(folder), ENGLISH, templates.TESTS))
    known = language.functions("en") | {"namespace": templates.Namespace}
    page = templates.Template(codes["page"], templates.names_of("en"), known)
    return "".join(page.root_render_func(templates.Context(known | values)))


@pytest.mark.parametrize("name", ["empty", "small", "damaged", "hostile", "large"])
def test_a_report_is_what_jinja2_makes_of_it(name, monkeypatch):
    report = build_report(getattr(synthetic, name)())
    made = html.render(report, nonce='a"<b')
    theirs = engine(jinja2.FileSystemLoader(templates.FOLDER))
    monkeypatch.setattr(templates, "render", lambda page, values, _language: theirs.get_template(page).render(values))
    assert html.render(report, nonce='a"<b') == made


@pytest.mark.parametrize(
    "text",
    [
        "{{ text }} {{ text|safe }} {{ text ~ '&' }} {{ mark ~ text }} {{ '%d' % 5 }}",
        "{% for row in rows %}{{ loop.first }}{{ row }}{{ ', ' if not loop.last }}{% else %}none{% endfor %}",
        "{% for row in rows if row > 1 %}{{ row }}{% if not loop.first %}{{ loop.previtem }}{% endif %}{% endfor %}",
        "{% for row in [] %}{{ row }}{% else %}none{% endfor %}",
        "{{ thing.a }}{{ thing['a'] }}{{ rows[0] }}{{ rows[1:] }}{{ rows['count'](3) }}",
        "{% macro m(a, b=2) %}<{{ a }}{{ b }}>{% endmacro %}{{ m(1) }}{{ m(text, b=3) }}{{ m(b=text, a=mark) }}",
        "{% macro m(a) %}<{{ a }}{{ caller() }}>{% endmacro %}{% call m(rows) %}{{ text }}{% endcall %}",
        "{% set ns = namespace(n=0) %}{% for row in rows %}{% set ns.n = ns.n + row %}{% endfor %}{{ ns.n }}",
        "{{ rows|length }}{{ rows|join('<') }}{{ 'ab'|capitalize }}{{ 2.5|int }}{{ none is none }}{{ 1234|count }}",
    ],
)
def test_what_templates_are_written_with_works_as_in_jinja2(text, tmp_path):
    (tmp_path / "page").write_text(text)
    values = {"text": "<&\"'>", "mark": Markup("<b>"), "rows": [1, 2, 3], "thing": {"a": 1}}
    assert ours(tmp_path, values) == engine(jinja2.FileSystemLoader(tmp_path)).get_template("page").render(values)


@pytest.mark.parametrize(
    "text", ["{{ nothing }}", "{{ thing.nothing }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}{{ m(1, 2) }}"]
)
def test_what_was_not_given_is_an_error(text, tmp_path):
    (tmp_path / "page").write_text(text)
    with pytest.raises((templates.TemplateError, LookupError, AttributeError)):
        ours(tmp_path, {"thing": {}})


def test_a_filter_that_is_not_ours_is_an_error_when_compiling(tmp_path):
    (tmp_path / "page").write_text("{{ 'x'|upper }}")
    with pytest.raises(jinja2.TemplateAssertionError, match="upper"):
        ours(tmp_path, {})


@pytest.mark.parametrize("spoken", language.LANGUAGES)
@given(
    number=st.integers(0, 2**63 - 1),
    other=st.integers(0, 2**63 - 1),
    value=st.floats(allow_nan=False, allow_infinity=False),
)
def test_text_of_numbers_holds_nothing_to_escape(spoken, number, other, value):
    functions = language.functions(spoken)
    texts = [functions[name](number) for name in ("count", "size", "duration", "moment", "clock")]
    texts += [functions[name](None) for name in ("duration", "moment", "clock")]
    texts += [functions[name](number, other) for name in ("bit_rate", "packet_rate")]
    texts.append(functions["figure"](value))
    assert {*tightened.OF_NUMBERS} == {
        "bit_rate",
        "clock",
        "count",
        "duration",
        "figure",
        "moment",
        "packet_rate",
        "size",
    }
    assert all(type(text) is str and escape(text) == text for text in texts)
