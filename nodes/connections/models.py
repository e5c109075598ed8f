"""Data connections that nodes read."""

import uuid

from django.db import models
from django.db.models.functions import Lower

from sealing.fields import EncryptedField, Readers


class ConnectionType(models.TextChoices):
    FOLDER = "folder", "Folder"
    ODBC = "odbc", "ODBC"
    POSTGRESQL = "postgresql", "PostgreSQL"
    SQLSERVER = "sqlserver", "SQL Server"
    ORACLE = "oracle", "Oracle"
    MYSQL = "mysql", "MySQL"
    REST = "rest", "REST"
    OTHER = "other", "Other"


class Connection(models.Model):
    """A data source, and the user to sign in as. Every registered node reads it and decrypts its password."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    type = models.CharField(max_length=40, choices=ConnectionType.choices)
    connection_string = models.CharField(max_length=2000)
    username = models.CharField(max_length=200, blank=True)
    password = EncryptedField(null=True, sealed_for=Readers.NODES)  # bound to nodes_connection: nodes use this table name to decrypt it
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(Lower("name"), name="connection_name_once")]

    def __str__(self) -> str:
        return self.name
