"""Certificates for signing content, made on the spot: a root, and one it issued, as PEM.

Belongs here: making them. Does not: assertions.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def issue(*, days=(-1, 90)):
    """Return (chain, key) as PEM; `days` from now the certificate starts and ends."""
    now = datetime.now(UTC)
    span = tuple(now + timedelta(days=one) for one in days)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = _name("Drawn root"), _name("Drawn advertiser")
    root = _signed(_builder(root_name, root_name, root_key, (span[0], span[1]), ca=True), root_key)
    own = _builder(name, root_name, key, (span[0], span[1]), ca=False)
    own = own.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    own = own.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
    )
    pem = serialization.Encoding.PEM
    chain = _signed(own, root_key).public_bytes(pem) + root.public_bytes(pem)
    plain = serialization.NoEncryption()
    return chain, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)


def _name(common):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Drawn advertiser"),
        ]
    )


def _builder(subject, issuer, key, span, *, ca):
    usage = x509.KeyUsage(True, False, False, False, False, ca, ca, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(span[0])
        .not_valid_after(span[1])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(builder, key):
    return builder.sign(key, hashes.SHA256())
