"""Components of pages (templates/cotton): what is stored cannot become markup, and a component shows only what it was given."""

from pathlib import Path

from django import forms
from django.template import engines
from django_cotton.compiler_regex import CottonCompiler

NASTY = """<script>"'&{{ 7 }}"""


def rendered(source: str, **context: object) -> str:
    template = engines["django"].from_string(CottonCompiler().process(source))
    return " ".join(template.render({"text": NASTY, **context}).split())


def test_attributes_and_slots_are_escaped() -> None:
    page = rendered(
        '<c-head title="{{ text }}"><c-slot name="subtitle">{{ text }}</c-slot></c-head>'
        '<c-card title="{{ text }}" name="name" data-text="{{ text }}">{{ text }}</c-card>'
        '<c-note title="{{ text }}">{{ text }}</c-note><c-note :title="text"></c-note>'
        '<c-facts><c-fact label="{{ text }}">{{ text }}</c-fact></c-facts>'
    )
    assert page.count("&lt;script&gt;&quot;&#x27;&amp;{{ 7 }}") == 10
    assert "<script" not in page
    assert 'data-text="&lt;script&gt;&quot;' in page


def test_a_component_does_not_take_the_variables_of_the_page() -> None:
    page = rendered(
        '<c-card title="Outer" name="outer"><c-note kind="blue">Text</c-note></c-card>', title="Page", icon="ban", footer="Foot"
    )
    assert page.count("Outer") == 1
    assert "Page" not in page
    assert "Foot" not in page
    assert "#info-circle" in page


def test_the_parts_of_lists_forms_and_tables_escape_too() -> None:
    class NameForm(forms.Form):
        name = forms.CharField(label=NASTY)

    form = NameForm({"name": ""})
    page = rendered(
        '<c-touched><c-touched.item icon="key" :name="text" href="{{ text }}">{{ text }}</c-touched.item></c-touched>'
        '<c-table :caption="text" :columns="columns"><tr><td>{{ text }}</td></tr></c-table><c-copy target="{{ text }}">{{ text }}</c-copy>'
        '<c-errors :form="form" :title="text" :hint="text" /><c-fields :form="form" />'
        '<c-form :title="text" name="name" back="{{ text }}"><c-slot name="buttons">{{ text }}</c-slot></c-form>',
        columns=[NASTY], form=form,
    )  # fmt: skip
    assert "<script" not in page
    assert page.count("&lt;script&gt;&quot;&#x27;&amp;{{ 7 }}") == 14
    assert "Cancel" in page


def test_errors_are_those_of_the_form_or_a_hint_to_its_fields() -> None:
    form = forms.Form({})
    assert "note" not in rendered('<c-errors :form="form" title="Not saved" />', form=form)
    form.add_error(None, "Two words.")
    page = rendered('<c-errors :form="form" title="Not saved" />', form=form)
    assert "Not saved" in page
    assert "Two words." in page
    assert "marked fields" not in page


def test_errors_of_fields_alone_are_mentioned_only_under_a_title() -> None:
    class NameForm(forms.Form):
        name = forms.CharField()

    form = NameForm({"name": ""})
    assert "note" not in rendered('<c-errors :form="form" />', form=form)
    assert "Correct the marked fields below." in rendered('<c-errors :form="form" title="Not saved" />', form=form)


def test_a_word_that_explains_itself_can_be_followed_by_a_comma() -> None:
    page = rendered('A <c-term name="trust zone" />, and <c-term name="proof"><em>proved</em></c-term>.')
    assert "Glossary</a></span>, and" in page
    assert page.endswith("Glossary</a></span>.")
    assert 'aria-describedby="term-proof" ><em>proved</em></button>' in page


def test_commands_in_a_text_are_code_and_everything_is_escaped() -> None:
    text = "Run `qmc <b>` & wait. One ` is no command."
    assert rendered("{% load console %}{{ text|commands }}", text=text) == "Run <code>qmc &lt;b&gt;</code> &amp; wait. One ` is no command."


def test_a_comment_of_a_template_is_on_one_line() -> None:
    """Otherwise Django shows it on the page."""
    for path in (Path(__file__).parents[2] / "templates").rglob("*.html"):
        for line in path.read_text().splitlines():
            assert line.count("{#") == line.count("#}"), f"{path}: {line}"
