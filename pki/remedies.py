"""What to do about a certificate for browsers: every remedy that the product names. A test walks each of them to its end."""

from enum import StrEnum


class Remedy(StrEnum):
    """The sentences as people read them."""

    ANOTHER_CERTIFICATE = "Ask the certificate authority for another certificate, and upload that."
    SUCCESSOR = "Have its successor made, upload that and choose it."
    SERVER_CERTIFICATE = "Ask the certificate authority for a web server certificate, and upload that."
    HOST_NAMES = "Ask the certificate authority for one with the host names as subject alternative names, and upload that."
    NAME_OF_NODE = "Ask for one with a name of the node. A wildcard covers one label only."
    COMMON_KEY = "Have one made for an RSA key of 2048 bits or more, or for EC P-256 or P-384."
    SHORTER = "Ask for a shorter lifetime if such clients come."
    CALL_BY_THAT_NAME = "Browsers must call the node by that name."
    ADD_ISSUER = "Add that intermediate certificate under “Complete or replace it”, or upload it all together again."
    CURRENT_ISSUERS = "Add the authority's current intermediate certificates under “Complete or replace it”."
    ADD_AUTHORITY = "Ask a certificate authority for a certificate, and upload that."
    TRUST_ROOT = "Browsers trust it only where that root is installed. A node serves such a certificate automatically."
    WAIT = "Until then a node serves the trust zone's certificate instead."
    UPLOAD_WITH_KEY = "Upload it again together with its private key."
    UPLOAD_CHOSEN = "Upload the certificate with its private key, or choose another one."
    WAIT_OR_SET_CLOCK = "It is used from its first day on. If that has come, set the node's clock."
    UPDATE_AGENT = "Update the node's agent, or choose another certificate. The agent's log says more."
    CHOOSE_FIRST = "Choose another certificate there first, or none."
    CHOOSE_AND_DELETE = "Choose another certificate where this one is chosen, then delete it."
    SITE_CERTIFICATE = "Upload the certificate that was made for browsers, not the one out of the other site's store."
    # Of files that were not taken
    EXPORT_AGAIN = "Export it again as PFX, PEM, DER or PKCS #7."
    EXPORT_ORDINARY = "Export it again with AES-256 and at most 600 000 rounds."
    EXPORT_WITH_KEY = "Export it again and include the private key; on Windows it must have been marked exportable."
    CHOOSE_FILES = "Choose a PFX file, or PEM or DER files."
    FEWER_FILES = "Choose the files of one certificate with its chain and key alone."
    UNPACK = "Unpack it, and choose the certificate, chain and key files in it."
    SEND_REQUEST = "Send it to your certificate authority, and upload the certificate that comes back."
    TYPE_PASSPHRASE = "Type its passphrase."  # noqa: S105
    RIGHT_PASSPHRASE = "Type the one it was exported with."  # noqa: S105
    SHORTER_KEY = "Have a certificate made for a key of RSA-4096 or shorter."
    CONVERT_KEY = "Convert a copy of it (ssh-keygen -p -m PKCS8 -f FILE), and choose that."
    CHOOSE_KEY_TOO = "Choose the key file as well."
    CHOOSE_CERTIFICATE_TOO = "Choose the certificate as well."
    CHOOSE_ITS_KEY = "Choose the key that was made for this certificate."
    ONE_KEY = "Choose the one key that belongs to the certificate."
    AS_NEW = "Upload them as a new certificate."
    SEND_THIS_REQUEST = "Send the request shown here to your certificate authority, and upload the certificate that it makes of it."
    ISSUER_NAMED = "If the checks name an issuer that is missing, choose its certificate."
    ANOTHER_REQUEST = "Make another request."
    CHOOSE_THAT = "Choose that one."
