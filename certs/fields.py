"""The path from which existing migrations import the encrypted field."""

from sealing.fields import EncryptedField as EncryptedField
