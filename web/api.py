"""The frame of the API: declarations of operations with their input and answers, the actor, paged lists, and strict fields."""

import inspect
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from itertools import islice
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.core.paginator import EmptyPage, Paginator
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django_filters import ChoiceFilter, Filter, IsoDateTimeFilter, UUIDFilter
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from attention.once import facts_once
from audit.actors import Actor
from audit.reasons import may_read_reasons
from jobs.models import Job
from pki.exchange.problem import MEDIA_TYPE
from web.errors import InputInvalid
from web.lists.declared import PAGE_SIZE, List
from web.lists.filters import LONGEST_SEARCH
from web.lists.keyset import LONGEST_CURSOR, Source
from web.once import KEY, KEY_FORM, once
from web.reasons import without_reasons
from web.things import IF_MATCH, IF_MATCH_FORM, if_matches, thing_at, thing_of

LONGEST_TEXT, MOST_ITEMS = 2000, 1000
LARGEST_FILE_TEXT = 512 * 1024  # a file of 256 KiB in base64, with room for line breaks
LARGEST_PAGE, MOST_LINKS = 500, 50
LONGEST_SHOWN, MOST_UNKNOWN = 64, 10


class StrictInteger(serializers.IntegerField):
    """An integer. Texts and other numbers are refused."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            raise serializers.ValidationError("Give an integer.", "invalid")
        return data


class StrictNumber(serializers.FloatField):
    """A number. Texts, and numbers that no float can hold, are refused."""

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in (int, float) or not abs(data) <= sys.float_info.max:
            raise serializers.ValidationError("Give a number.", "invalid")
        return float(data)


class StrictBoolean(serializers.BooleanField):
    """Only true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            raise serializers.ValidationError("Give true or false.")
        return data


class StrictText(serializers.CharField):
    """A string as it was sent, neither trimmed nor corrected. At most `LONGEST_TEXT` characters by default."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **{"max_length": LONGEST_TEXT} | options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Give a string.")
        if not data.isascii() and any("\ud800" <= character <= "\udfff" for character in data):
            raise serializers.ValidationError("This is not valid text: it has a lone surrogate.")
        return data

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return data if data == "" else super().run_validation(data)


class Choice(serializers.ChoiceField):
    """One of `choices`. The error for another value names all of them."""

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        known = [*map(str, choices)]
        super().__init__(choices=known, error_messages={"invalid_choice": f"There is no such value. Use: {', '.join(known)}."}, **options)


class Input(serializers.Serializer[Any]):
    """The fields of a body. Undeclared fields are refused."""

    noun = "field"

    def to_internal_value(self, data: Any) -> Any:
        errors = self.refused(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as exc:
            raise serializers.ValidationError(errors | exc.detail | errors) from exc  # type: ignore[operator]  # of a serializer, always by field
        if errors:
            raise serializers.ValidationError(errors)
        return value

    def refused(self, data: Any) -> dict[str, list[serializers.ErrorDetail]]:
        """The errors of undeclared names."""
        unknown = (str(name) for name in data if name not in self.fields)
        return {name[:LONGEST_SHOWN]: [self._unknown(name[:LONGEST_SHOWN])] for name in islice(unknown, MOST_UNKNOWN)}

    def _unknown(self, name: str) -> serializers.ErrorDetail:
        remedy = f"Use: {', '.join(self.fields)}." if self.fields else f"This operation takes no {self.noun}."
        return serializers.ErrorDetail(f"There is no {self.noun} '{name}'. {remedy}", "unknown")


class Query(Input):
    """The parameters in an address. Undeclared and repeated parameters are refused."""

    noun = "parameter"

    def refused(self, data: Any) -> dict[str, list[serializers.ErrorDetail]]:
        repeated = [
            name for name, field in self.fields.items() if not isinstance(field, serializers.ListField) and len(data.getlist(name)) > 1
        ]
        return super().refused(data) | {
            name: [serializers.ErrorDetail(f"'{name}' is given more than once. Give it once.", "repeated")] for name in repeated
        }


PLACES = ("page", "cursor", "page_size")


class ListQuery(Query):
    """The parameters of every list."""

    page = serializers.IntegerField(required=False, default=1, min_value=1)
    cursor = serializers.CharField(required=False, max_length=LONGEST_CURSOR, help_text="a place in the list, from `next`")
    page_size = serializers.IntegerField(required=False, default=PAGE_SIZE, min_value=1, max_value=LARGEST_PAGE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`sort` has the order, whatever it is called in the address."""
        if {"ordering", "sort"} <= attrs.keys():
            raise serializers.ValidationError({"sort": "This is an older name of ordering. Give ordering only."})
        return {"sort" if name == "ordering" else name: value for name, value in attrs.items()}

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        return fields | {name: fields.pop(name) for name in PLACES}  # last, in the order in which messages list them


def list_query(declared: type[List]) -> type[ListQuery]:
    """The parameters of one list: its filters and its orders."""
    fields = {name: _parameter(filter_field) for name, filter_field in declared.filters.base_filters.items()}
    fields["page_size"] = serializers.IntegerField(required=False, default=declared.api_size, min_value=1, max_value=LARGEST_PAGE)
    orders = {
        "ordering": Choice(
            declared.sort_names(), required=False, help_text=f"the order, with a minus for the reverse; default: {declared.sort}"
        ),
        "sort": Choice(declared.sort_names(), required=False, help_text="an older name of `ordering`"),
    }
    return type(f"{declared.__name__}Query", (ListQuery,), fields | orders | {"__doc__": f"The parameters of {declared.__name__}."})


def _parameter(filter_field: Filter) -> Any:
    options = {"required": False, "help_text": filter_field.extra.get("help_text", "")}
    match filter_field:
        case ChoiceFilter() if callable(
            filter_field.extra["choices"]
        ):  # known only when all apps are loaded; the filter itself refuses others
            return serializers.CharField(max_length=LONGEST_SEARCH, **options)
        case ChoiceFilter():
            return Choice([value for value, _ in filter_field.extra["choices"]], **options)
        case UUIDFilter():
            return serializers.UUIDField(**options)
        case IsoDateTimeFilter():
            return serializers.DateTimeField(**options)
    return serializers.CharField(max_length=LONGEST_SEARCH, **options)


class FindingOutput(serializers.Serializer[Any]):
    """The result of a check."""

    code = serializers.CharField()
    level = serializers.ChoiceField(choices=["ok", "warning", "blocker"])
    title = serializers.CharField()
    remedy = serializers.CharField()
    field = serializers.CharField()


class ProblemError(serializers.Serializer[Any]):
    """An error of one field."""

    field = serializers.CharField(help_text='such as "services.0"; empty if the error is not about one field')
    code = serializers.CharField(help_text="a stable word")
    message = serializers.CharField(help_text="what is wrong, and what to do")


class Problem(serializers.Serializer[Any]):
    """Problem details (RFC 9457): the form of every error."""

    type = serializers.CharField(help_text="stable; docs/api.md lists them")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="what happened, why, and what to do next")
    errors = ProblemError(many=True)  # type: ignore[assignment]  # the metaclass takes it out of the class
    findings = FindingOutput(many=True, required=False, help_text="the results of all checks, if one of them blocks")
    current = serializers.DictField(required=False, help_text="the present state of the object, if it has another version than If-Match")
    object = serializers.CharField(required=False, help_text="the address of what the first request with this Idempotency-Key was about")
    changed = serializers.CharField(required=False, help_text="what the first request with this Idempotency-Key did")


def page_of(output: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The format of a paged list, for the schema."""
    name = output.__name__.replace("Output", "Page")
    return inline_serializer(name, {"results": output(many=True), "next": serializers.URLField(allow_null=True)})


# Headers of every change.
OF_CHANGES = (
    OpenApiParameter(
        KEY,
        {"type": "string", "pattern": KEY_FORM},
        location=OpenApiParameter.HEADER,
        description="any text: a request that is sent again with the same key within 24 hours is not done again, and gets the same answer",
    ),
    OpenApiParameter(
        IF_MATCH,
        {"type": "string", "pattern": IF_MATCH_FORM},
        location=OpenApiParameter.HEADER,
        description="the ETag of an answer: nothing is done if the object has been changed since",
    ),
)


class View(APIView):
    """Base of all API views: parse → service → render. `actor` makes the request. `operation` sets `query` and `body`, the valid input, and `request_key`, which is the same for all requests with one key."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    query: dict[str, Any]
    body: dict[str, Any]
    request_key: uuid.UUID | None = None

    @property
    def actor(self) -> Actor:
        user = self.request.user
        token: Any = self.request.auth
        return Actor("token", str(token), user, token.limit, token.pk) if token else Actor("user", user.get_username(), user)

    def paged(self, rows: Any, render: Callable[[Any], Any]) -> Response:
        """One page of `rows`: `{"results": […], "next": …}`. Raises: InputInvalid for a page that does not exist."""
        number, pages = self.query["page"], Paginator(rows, self.query["page_size"])
        try:
            page = pages.page(number)
        except EmptyPage as exc:
            raise InputInvalid({"page": [f"There is no page {number}. The last page is {pages.num_pages}."]}) from exc
        following = replace_query_param(self.request.build_absolute_uri(), "page", number + 1) if page.has_next() else None
        return Response({"results": render([*page]), "next": following})

    def listed(self, declared: List, rows: Any) -> Response:
        """One page of a list with its filters. Raises: InputInvalid for a page or a place that does not exist."""
        filters = declared.filters(self.request.query_params, queryset=rows)
        if not filters.form.is_valid():
            raise InputInvalid({name: [str(text) for text in texts] for name, texts in filters.form.errors.items()})
        source = declared.source(filters.qs, self.query.get("sort", declared.sort))
        return self.placed(source, lambda rows: declared.json(rows, timezone.now()))

    def placed(self, source: Source, render: Callable[[list[Any]], Any]) -> Response:
        """The page at the given place: `{"results": […], "next": …}`. Raises: InputInvalid for a page or a place that does not exist."""
        given, size = self.query, self.query["page_size"]
        if cursor := given.get("cursor"):
            part = source.part(size=size, cursor=cursor)
        else:
            part = source.numbered(size=size, number=given["page"])
        here = remove_query_param(self.request.build_absolute_uri(), "page")
        following = replace_query_param(here, "cursor", part.next) if part.next else None
        return Response({"results": render(part.rows), "next": following})


V = TypeVar("V", bound=View)
P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[Concatenate[V, Request, P], R]


@dataclass(frozen=True)
class Declared:
    """What an operation declares. `operation` explains the fields."""

    method: Callable[..., Any]
    answers: Mapping[Any, Any]
    query: type[Query]
    body: type[Input]
    partial: bool
    repeats: bool

    @property
    def changes(self) -> bool:
        return self.method.__name__ != "get"

    def output(self, status: int) -> Any:
        """The format of its answer with this status: a serializer, or None."""
        found = self.answers.get(status)
        return found() if isinstance(found, type) and issubclass(found, serializers.BaseSerializer) else found

    @cached_property
    def has_version(self) -> bool:
        """Whether its answer is one thing, not a list or a file."""
        output = self.output(200)
        return not self.changes and isinstance(output, serializers.Serializer) and not {"next", "results"} & {*output.fields}

    def run(self, view: View, act: Callable[[], Any]) -> Any:
        """The answer to valid input."""
        if not self.changes:
            with facts_once():
                return self._finished(view, act())
        return once(view, view.request, self, lambda: self._finished(view, if_matches(view.request, act)))

    def answer(self, view: View, given: QueryDict, kwargs: Mapping[str, Any]) -> Any:
        """The content of the answer to a request with these parameters, as the actor may read it."""
        view.query = valid(self.query(data=given))
        answer = self.method(view, view.request, **kwargs)
        return self._readable(view, answer)

    def _readable(self, view: View, answer: Response) -> Any:
        return answer.data if may_read_reasons(view.actor) else without_reasons(answer.data, self.answers.get(answer.status_code))

    def _finished(self, view: View, answer: Any) -> Any:
        """The answer with the headers that all operations have."""
        if not isinstance(answer, Response):
            return answer
        answer.data = self._readable(view, answer)
        address = view.request.path_info
        thing = thing_of(address) if self.changes else thing_at(address)
        if answer.status_code == 201:
            thing = thing_at(f"{address}{answer.data.get('id')}/") or thing
            answer["Location"] = thing.address if thing else address
        if answer.status_code == 202 and (links := [*_links_of_work(view, answer.data)]):
            answer["Link"] = ", ".join(links)
        if thing and (etag := thing.etag(answer.data)):
            answer["ETag"] = etag
        return answer


def _links_of_work(view: View, content: Any) -> Iterator[str]:
    """A link to each job that works on the thing, or on those that were answered (RFC 8288, RFC 5989)."""
    rows = [content, *content.get("results", ())] if isinstance(content, Mapping) else []
    subjects = {str(row["id"]) for row in rows if "id" in row} | {str(pk) for pk in view.kwargs.values()}
    for pk in Job.objects.unfinished().filter(subject__in=subjects).order_by("created_at", "pk").values_list("pk", flat=True)[:MOST_LINKS]:
        yield f'<{reverse("api-job", args=[pk])}>; rel="monitor"'


def operation(
    responses: Any, *, query: type[Query] = Query, body: type[Input] = Input, partial: bool = False, conflicts: bool = False,
    finds: bool = False, signed_in: bool = True, repeats: bool = False, **schema: Any,
) -> Callable[[Handler[V, P, R]], Handler[V, P, R]]:  # fmt: skip
    """Declare the input and the answers of an operation, and refuse all other input before it runs.

    `responses` are its answers on success. A `partial` body may omit any field. `conflicts` says that 409 is possible; it always is for a change.
    `finds` says that 404 is possible, though the address names no object. `repeats`: see `web.once`.
    """

    def declare(method: Handler[V, P, R]) -> Handler[V, P, R]:
        changes = method.__name__ != "get"
        named = "pk" in inspect.signature(method).parameters
        possible = {
            400: True, 401: signed_in, 403: signed_in, 404: finds or named, 409: conflicts or changes, 412: changes, 422: changes, 429: signed_in,
            503: signed_in,
        }  # fmt: skip
        problems = {(status, MEDIA_TYPE): Problem for status, can_be in possible.items() if can_be}
        answers = responses if isinstance(responses, dict) else {200: responses}
        declared = Declared(method, answers, query, body, partial, repeats)

        @extend_schema(
            request=body if changes and body is not Input else None,
            responses=answers | problems,
            parameters=[*([query] if query().fields else []), *(OF_CHANGES if changes else ()), *schema.pop("parameters", [])],
            **schema,
        )
        @wraps(method)
        def run(self: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> R:
            self.query = valid(query(data=request.query_params))
            self.body = valid(body(data=request.data, partial=declared.partial)) if changes else {}
            return declared.run(self, lambda: method(self, request, *args, **kwargs))  # type: ignore[no-any-return]

        run.declared = declared  # type: ignore[attr-defined]
        return run

    return declare


def valid(given: Input) -> dict[str, Any]:
    """The valid input. Raises: ValidationError."""
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
