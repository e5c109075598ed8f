"""Generated requests, valid and invalid ones: the answer of each is one that the schema declares, in its format, and never a 5xx."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.utils import timezone
from hypothesis import HealthCheck, given, seed
from schemathesis import GenerationMode

from people.tokens.models import Scope
from qmc.schema.completion import operations_of
from qmc.schema.document import api_schema
from tests import factories
from tests.slow import examples, one_of

# Whether they take input, by name: no input can be wrong where none is declared.
OPERATIONS = {
    operation["operationId"]: bool(operation.get("parameters") or operation.get("requestBody"))
    for *_, operation in operations_of(api_schema())
}
# A rule between fields, and a name that exists or does not exist, are in no schema: a valid request may be refused with these.
REFUSED = [400, 401, 403, 404, 406, 409, 412, 422, 429]


def operation_of(name: str) -> Any:
    """The operation in a schema of this site, which calls the console in this process."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application(), base_url="https://localhost:8443/")
    schema.config.generation.update(with_security_parameters=False)  # the token is given
    schema.config.checks.negative_data_rejection.expected_statuses = [*map(str, [405, 413, 415, *REFUSED])]
    schema.config.checks.positive_data_acceptance.expected_statuses = [200, 201, 202, 204, *REFUSED]
    return next(found.ok() for found in schema.include(operation_id=name).get_all_operations())


@pytest.mark.parametrize("name", one_of(12, sorted(OPERATIONS)))
@pytest.mark.django_db
def test_every_answer_to_a_generated_request_is_in_the_schema(site_directory: Path, name: str) -> None:
    token = factories.token(factories.root_admin("ann"), "generated", at=timezone.now(), scopes=[Scope.READ, Scope.WRITE, Scope.ACCOUNTS])
    headers, operation = {"Authorization": f"Bearer {token}", "Host": "localhost:8443", "Accept-Encoding": "identity"}, operation_of(name)
    for mode in GenerationMode if OPERATIONS[name] else [GenerationMode.POSITIVE]:

        @examples(100, suppress_health_check=[*HealthCheck])
        @seed(0)
        @given(case=operation.as_strategy(generation_mode=mode))
        def run(case: Any) -> None:
            case.call_and_validate(headers=headers)

        run()
