"""/qrs/about: the version, and what this API has."""

from typing import Any

from agent.version import VERSION
from certs.zone.services import zone_founded
from qrs.about.types import DEFAULTS, ENUMERATIONS
from qrs.conventions.answers import Answer
from qrs.endpoints.registry import ID, TYPE, Call, endpoint, endpoints
from qrs.endpoints.types import time_text
from qrs.errors import NotHere


@endpoint("GET", "about", public=True)
def about(call: Call) -> Answer:
    """The version. It answers while the site works."""
    zone = zone_founded()
    return Answer(
        {
            "buildVersion": VERSION,
            "buildDate": time_text(None),
            "databaseProvider": "Django",
            "nodeType": 1,
            "sharedPersistence": True,
            "requiresBootstrap": zone is None,
            "singleNodeOnly": False,
            "schemaPath": "About",
        }
    )


@endpoint("GET", "about/api/enums")
def enums(call: Call) -> Answer:
    """The enumerations, with the fields that have them."""
    return Answer({enumeration.name: enumeration.json() for enumeration in ENUMERATIONS})


@endpoint("GET", "about/api/description")
def description(call: Call) -> Answer:
    """The addresses of this API, one line each."""
    return Answer([f"{endpoint.method} /qrs/{endpoint.address}: {endpoint.about}" for endpoint in endpoints()])


@endpoint("GET", "about/api/relations")
def relations(call: Call) -> Answer:
    """How the types refer to each other."""
    return Answer(
        [
            "ServerNodeConfiguration.serviceCluster - ServiceCluster",
            "ServerNodeConfiguration.tags - Tag",
            "ServiceStatus.serverNodeConfiguration - ServerNodeConfiguration",
        ]
    )


@endpoint("GET", "about/api/default/{type}")
def default(call: Call) -> Answer:
    """A new object of a type, with empty fields."""
    found = DEFAULTS.get(call.type)
    if found is None:
        raise NotHere(f"There is no such type. The types are: {', '.join(sorted(DEFAULTS))}.")
    return Answer(found)


@endpoint("GET", "about/openapi")
def openapi(call: Call) -> Answer:
    """This API as an OpenAPI document, without the types."""
    paths: dict[str, dict[str, Any]] = {}
    for found in endpoints():
        names = [(name, place) for name, place in ((ID, "path"), (TYPE, "path")) if name in found.address]
        parameters = [{"name": name.strip("{}"), "in": place, "required": True, "schema": {"type": "string"}} for name, place in names]
        parameters += [{"name": "xrfkey", "in": "query", "required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9]{16}$"}}]
        parameters += [{"name": "filter", "in": "query", "schema": {"type": "string"}}] if found.takes_filter else []
        operation = {
            "summary": found.about,
            "parameters": parameters,
            "responses": {"default": {"description": "JSON, or an error as text"}},
        }
        paths.setdefault(f"/{found.address}", {})[found.method.lower()] = operation
    return Answer(
        {"openapi": "3.0.3", "info": {"title": "QRS-compatible API", "version": VERSION}, "servers": [{"url": "/qrs"}], "paths": paths}
    )
