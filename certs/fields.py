"""The name under which landed migrations import the encrypted field."""

from sealing.fields import EncryptedField as EncryptedField
