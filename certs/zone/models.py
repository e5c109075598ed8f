"""The trust zone."""

import uuid

from django.db import models

from pki.cluster.manual_configuration import AppDistribution, Installation
from pki.core import database_key, lifetime


class TrustZoneQuerySet(models.QuerySet["TrustZone"]):
    def current(self) -> "TrustZone | None":
        """The trust zone, if `init` has completed it."""
        return self.filter(founded_at__isnull=False).first()


class TrustZone(models.Model):
    """One site's certificate authority. There is one row. `founded_at` is empty until `init` has completed it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField("central host name", max_length=58)
    lifetime_months = models.PositiveSmallIntegerField(default=lifetime.DEFAULT_MONTHS)
    database_key_oid = models.CharField(max_length=64, default=database_key.PRESCRIBED.key.dotted_string)
    database_key_algorithm_oid = models.CharField(max_length=64, default=database_key.PRESCRIBED.algorithm.dotted_string)
    created_at = models.DateTimeField()
    founded_at = models.DateTimeField(null=True, blank=True)
    rotates_by_itself = models.BooleanField(default=True, help_text="whether the root is replaced at half its lifetime")
    # These decide whether the cluster certificate must be configured manually (S7).
    installation = models.CharField(
        max_length=10, choices=[(installation.value, installation.value) for installation in Installation], default=Installation.NEW
    )
    upgraded_from = models.CharField(max_length=20, blank=True)
    release = models.CharField(max_length=20, blank=True)
    app_distribution = models.CharField(
        max_length=10,
        choices=[(app_distribution.value, app_distribution.value) for app_distribution in AppDistribution],
        default=AppDistribution.NONE,
    )

    key_types = models.JSONField(default=dict, help_text="kind of certificate → type of its new keys, where it is not the default")
    # Limits of calls. nodes.calls.services writes them, and the environment overrides each.
    heartbeat_s = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="the fewest seconds between the calls of a node; empty: the default"
    )
    heartbeat_max_s = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="the most seconds between the calls of a node; empty: the default"
    )
    # The addresses of the central node (docs/develop/architecture.md). nodes.addresses.services writes them, and the environment overrides each.
    node_api_addresses = models.JSONField(default=list, help_text="list of ADDRESS:PORT; empty: the address of the central node")
    addresses_chosen = models.BooleanField(default=False, help_text="whether a person chose the addresses; `up` does not change them then")
    base_url = models.CharField(max_length=300, blank=True)
    allowed_hosts = models.JSONField(default=list)
    trusted_origins = models.JSONField(default=list)

    objects = TrustZoneQuerySet.as_manager()

    class Meta:
        permissions = [
            ("rotate_root", "Can replace the root certificate while everything runs"),
            ("recreate_root", "Can recreate the root certificate after a disaster"),
            ("export_cluster", "Can download the cluster certificate with its private key"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def database_key_oids(self) -> database_key.Oids:
        return database_key.Oids.parse(self.database_key_oid, self.database_key_algorithm_oid)
