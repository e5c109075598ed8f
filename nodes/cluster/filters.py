"""The filters of the lists about the cluster certificate."""

from certs.models import Deployment
from nodes.models import Node
from web.lists.filters import ListFilter, Search


class ClusterFilter(ListFilter):
    search = Search("name", "host_name", "address")

    class Meta:
        model = Node
        fields: list[str] = []


class DeploymentFilter(ListFilter):
    search = Search("name", "api_address", "audience")

    class Meta:
        model = Deployment
        fields: list[str] = []
