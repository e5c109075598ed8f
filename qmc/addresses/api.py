"""The addresses of the central node in the REST API."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from nodes.addresses.services import addresses_checked, central_addresses, contacts
from qmc.addresses.services import MOST, SiteAddresses, overridden, site_addresses, site_addresses_set
from web.api import Input, Query, StrictText, View, operation

MOST_NAMED = 50


class AddressesInput(Input):
    """Omitted fields keep their value."""

    node_api_addresses = serializers.ListField(child=StrictText(max_length=300), max_length=MOST, required=False)
    base_url = StrictText(max_length=300, required=False)
    allowed_hosts = serializers.ListField(child=StrictText(max_length=300), max_length=MOST, required=False)
    trusted_origins = serializers.ListField(child=StrictText(max_length=300), max_length=MOST, required=False)


class AddressesQuery(Query):
    node_api_address = serializers.ListField(
        child=serializers.CharField(max_length=300), max_length=MOST, required=False, default=list,
        help_text="which nodes would lose contact with these; sets nothing",
    )  # fmt: skip


class LosingOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    knows = serializers.ListField(child=serializers.CharField(), help_text="empty if its agent does not report them")
    called = serializers.CharField(help_text="the address that it called last")


class AddressesOutput(serializers.Serializer[Any]):
    node_api_addresses = serializers.ListField(child=serializers.CharField())
    base_url = serializers.CharField()
    allowed_hosts = serializers.ListField(child=serializers.CharField())
    trusted_origins = serializers.ListField(child=serializers.CharField())
    overridden_by_environment = serializers.DictField(child=serializers.CharField())
    nodes = serializers.IntegerField(help_text="how many nodes call the central node")
    losing_contact = serializers.IntegerField(help_text="how many nodes know none of the addresses")
    losing = LosingOutput(many=True, help_text=f"the first {MOST_NAMED} of them")


def addresses_json(found: SiteAddresses, asked: list[str]) -> dict[str, Any]:
    """The addresses of the site, and the nodes that know none of `asked`. Default: the addresses in force. Raises: InputInvalid."""
    nodes = contacts(addresses_checked(asked) if asked else central_addresses())
    named = [
        {"id": str(contact.node.pk), "name": contact.node.name, "knows": list(contact.knows), "called": contact.called}
        for contact in nodes.first(min(nodes.losing, MOST_NAMED))
    ]
    counts = {"nodes": nodes.count, "losing_contact": nodes.losing, "losing": named}
    return vars(found) | {"overridden_by_environment": overridden()} | counts


class AddressesSetting(View):
    """The addresses of the central node: those that nodes call, base URL, allowed hosts, trusted origins."""

    @operation(AddressesOutput, query=AddressesQuery)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        return Response(addresses_json(site_addresses(), self.query["node_api_address"]))

    @operation(AddressesOutput, body=AddressesInput)
    def put(self, request: Request) -> Response:
        requested = SiteAddresses(**(vars(site_addresses()) | self.body))
        return Response(addresses_json(site_addresses_set(actor=self.actor, requested=requested, now=timezone.now()), []))
