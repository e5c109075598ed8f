"""Compares two schemas: which changes would break a client that was written for the older one."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from qmc.schema.completion import operations_of

Schema = dict[str, Any]


def breaking_changes(old: Schema, new: Schema, *, today: date) -> list[str]:
    """One sentence for each. What `old` declares deprecated may be removed after its day."""
    return sorted(set(_Comparison(old, new, today).changes()))


class _Comparison:
    def __init__(self, old: Schema, new: Schema, today: date) -> None:
        self.old, self.new, self.today = old, new, today
        self.seen: set[tuple[str, str, bool]] = set()

    def changes(self) -> Iterator[str]:
        found = {(method, path): operation for method, path, operation in operations_of(self.new)}
        for method, path, old in operations_of(self.old):
            where = f"{method.upper()} {path}"
            new = found.get((method, path))
            if new is not None:
                yield from self._operation(where, old, new)
            elif not self._may_go(old):
                yield f"{where} was removed."
        for name in self.old["components"]["schemas"].keys() - self.new["components"]["schemas"].keys():
            yield f"The component {name} was removed or renamed, which renames a class of generated clients."

    def _may_go(self, part: Schema) -> bool:
        return bool(part.get("deprecated")) and date.fromisoformat(part["x-removed-after"]) < self.today

    def _operation(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{where}: its operationId {old['operationId']} was renamed."
        yield from self._parameters(where, old.get("parameters", []), new.get("parameters", []))
        yield from self._body(where, old.get("requestBody", {}), new.get("requestBody", {}))
        for status, answer in old["responses"].items():
            if status < "400":
                yield from self._answer(f"{where}: the answer {status}", answer, new["responses"].get(status))

    def _body(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        if old and not new:
            yield f"{where}: its body was removed."
        if new.get("required") and not old.get("required"):
            yield f"{where}: a body became required."
        for media_type, content in _content(new).items():
            if media_type in _content(old):
                yield from self._schema(where, _content(old)[media_type]["schema"], content["schema"], sent=True)

    def _answer(self, where: str, old: Schema, new: Schema | None) -> Iterator[str]:
        if new is None:
            yield f"{where} was removed."
            return
        for media_type, content in _content(old).items():
            if media_type in _content(new):
                yield from self._schema(where, content["schema"], _content(new)[media_type]["schema"], sent=False)
            else:
                yield f"{where} has no {media_type} any more."

    def _parameters(self, where: str, old: list[Schema], new: list[Schema]) -> Iterator[str]:
        before, after = ({(item["in"], item["name"]): item for item in items} for items in (old, new))
        for key, parameter in before.items():
            name = f"{where}: parameter {key[1]}"
            if key in after:
                yield from self._schema(name, parameter["schema"], after[key]["schema"], sent=True)
            elif not self._may_go(parameter):
                yield f"{name} was removed."
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{where}: parameter {key[1]} became required."

    def _schema(self, where: str, old: Schema, new: Schema, *, sent: bool) -> Iterator[str]:
        """`sent`: a client sends it, so that it may take more but not less. What a client gets may have more but not less."""
        names = old.get("$ref", ""), new.get("$ref", "")
        if all(names):
            if (*names, sent) in self.seen:
                return
            self.seen.add((*names, sent))
        old, new = _resolved(self.old, old), _resolved(self.new, new)
        yield from _values(where, old, new, sent=sent)
        yield from self._fields(where, old, new, sent=sent)
        for inner in ("items", "additionalProperties"):
            if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
                yield from self._schema(f"{where}[]", old[inner], new[inner], sent=sent)

    def _fields(self, where: str, old: Schema, new: Schema, *, sent: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, field in before.items():
            if name in after:
                yield from self._schema(f"{where}: {name}", field, after[name], sent=sent)
            elif not self._may_go(field):
                yield f"{where}: the field {name} was removed."
        required, now_required = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(now_required - required if sent else (required - now_required) & after.keys()):
            yield f"{where}: the field {name} became {'required' if sent else 'optional'}."


def _values(where: str, old: Schema, new: Schema, *, sent: bool) -> Iterator[str]:
    before, after = _types(old), _types(new)
    if before and after and not (before <= after if sent else after <= before):
        yield f"{where}: its type was {', '.join(sorted(before))} and is {', '.join(sorted(after))}."
    gone = {*map(str, old.get("enum", []))} - {*map(str, new.get("enum", []))} if "enum" in new else set()
    if gone:
        yield f"{where}: the values {', '.join(sorted(gone))} were removed."
    if sent and "enum" in new and "enum" not in old:
        yield f"{where}: it takes only some values now."
    for limit, narrower in (
        ("maximum", min),
        ("maxLength", min),
        ("maxItems", min),
        ("minimum", max),
        ("minLength", max),
        ("minItems", max),
    ):
        if sent and limit in new and old.get(limit) != new[limit] and (limit not in old or narrower(old[limit], new[limit]) == new[limit]):
            yield f"{where}: {limit} is {new[limit]} and was {old.get(limit, 'not limited')}."


def _types(schema: Schema) -> set[str]:
    types = schema.get("type", [])
    return {types} if isinstance(types, str) else set(types)


def _content(part: Schema) -> Schema:
    found: Schema = part.get("content", {})
    return found


def _resolved(document: Schema, schema: Schema) -> Schema:
    """What it refers to. Of several alternatives it is all together, which suits those that are an enumeration, empty or null."""
    if "$ref" in schema:
        return _resolved(document, document["components"]["schemas"].get(schema["$ref"].rpartition("/")[2], {}))
    several = [_resolved(document, inner) for name in ("oneOf", "anyOf", "allOf") for inner in schema.get(name, [])]
    if not several:
        return schema
    merged: Schema = {"type": sorted(set().union(*map(_types, several)))}
    if values := [value for inner in several for value in inner.get("enum", [])]:
        merged["enum"] = values
    for name in ("properties", "items"):
        if found := [inner[name] for inner in several if name in inner]:
            merged[name] = found[0]
    return merged
