"""Content Credentials (C2PA): signing finished files with a certificate, and reading a signature back.

Belongs here: the certificate, what is asserted, the library's calls. Does not: XMP (provenance), which is written
before: a signature covers every byte and goes on last.

The library is an extra (`pip install "adcraft[c2pa]"`) and is imported when a certificate is configured.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from adcraft_resources.errors import ConfigInvalid, VideoUnwritable
from adcraft_resources.sections import Section

KEY_VARIABLE: Final = "ADCRAFT_C2PA_KEY"
"""The private key: PEM text, or the path of a PEM file."""
FORMATS: Final = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".mov": "video/quicktime", ".m4v": "video/mp4"}
GOOD_STATES: Final = ("Valid", "Trusted")
_SOURCE: Final = "source"


class SigningSettings(Section):
    """Content Credentials of exported files (config.json `c2pa`); the private key comes from the environment."""

    certificate: str = Field(
        default="", description="PEM file with the certificate and its chain (relative to config.json)."
    )
    algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = "es256"
    timestamp_url: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="Timestamp authority; without one a signature ends with its certificate.",
    )


@dataclass(frozen=True)
class ContentSigner:
    """A certificate with its key, ready to sign; `fingerprint` stands for it in digests."""

    chain: bytes
    algorithm: str
    timestamp_url: str
    _key: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Of the certificate and how it is used."""
        return _fingerprint(self.chain, self.algorithm, self.timestamp_url)

    def sign(
        self,
        path: Path,
        source: Path,
        source_name: str,
        disclosure: Mapping[str, Any],
        *,
        resized: bool = True,
    ) -> None:
        """Sign an mp4 or jpg in place, the source ad as its ingredient; `resized`: it was brought into another shape.

        Raises:
            VideoUnwritable: The library refused the file or the certificate.
        """
        import c2pa

        info = c2pa.C2paSignerInfo(self.algorithm, self.chain, self._key, self.timestamp_url or None)
        signed = path.with_name(f".{path.name}.signed{path.suffix}")
        named = {"title": source_name, "relationship": "parentOf", "instance_id": _SOURCE}
        kind = FORMATS[path.suffix]
        try:
            builder = c2pa.Builder(manifest_of(path.name, kind, disclosure, resized=resized))
            with source.open("rb") as parent:
                builder.add_ingredient(
                    json.dumps(named), FORMATS.get(source.suffix.lower(), "video/mp4"), parent
                )
            with path.open("rb") as plain, signed.open("w+b") as out:
                builder.sign(c2pa.Signer.from_info(info), kind, plain, out)
            signed.replace(path)
        except c2pa.C2paError as error:
            raise VideoUnwritable(
                f"{path.name} could not be signed ({error}).",
                remedy="Check the certificate of c2pa.certificate: its key, algorithm and extended key usage.",
            ) from error
        finally:
            signed.unlink(missing_ok=True)


def manifest_of(title: str, kind: str, disclosure: Mapping[str, Any], *, resized: bool) -> dict[str, Any]:
    """Return what is asserted: the source opened, its text removed, its look changed, a hook set, maybe the shape."""
    source_type = disclosure["digital_source_type"]
    generative = set(disclosure["generative_steps"])
    agents = {one["use"]: one["name"] for one in disclosure.get("models", ())}
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": [_SOURCE]}},
        _action("c2pa.edited", "overlay text removed", "removal", generative, agents, source_type),
        _action("c2pa.filtered", "look and first frame changed", "style", generative, agents, source_type),
        {"action": "c2pa.edited", "description": "a hook line set on the picture"},
    ]
    if resized:
        actions.append({"action": "c2pa.resized", "description": "brought into the placement's shape"})
    return {
        "claim_generator_info": [{"name": "adcraft"}],
        "title": title,
        "format": kind,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}],
    }


def _action(
    name: str, what: str, use: str, generative: set[str], agents: Mapping[str, str], source_type: str
) -> dict[str, Any]:
    """An action; the file's source type stands on the steps that give it: the generative ones, or the filters."""
    told: dict[str, Any] = {"action": name, "description": what}
    if use in generative or (not generative and use == "style"):
        told["digitalSourceType"] = source_type
    if use in agents:
        told["softwareAgent"] = {"name": agents[use]}
    return told


def read_credentials(path: Path) -> dict[str, Any] | None:
    """Return what a file's credentials say and whether they hold; None where it has none.

    `state` is "Valid", "Trusted" (its root is known to the library) or "Invalid"; `source_types` those of its actions.
    """
    import c2pa

    try:
        reader = c2pa.Reader.try_create(str(path))
    except c2pa.C2paError as error:
        return {
            "state": "Invalid",
            "problem": str(error),
            "source_types": [],
            "actions": [],
            "ingredients": [],
        }
    if reader is None:
        return None
    with reader:
        active = reader.get_active_manifest() or {}
        state = reader.get_validation_state()
    actions = [
        action
        for assertion in active.get("assertions", ())
        if str(assertion["label"]).startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    return {
        "state": state,
        "issuer": active.get("signature_info", {}).get("issuer"),
        "actions": [action["action"] for action in actions],
        "source_types": sorted({one["digitalSourceType"] for one in actions if "digitalSourceType" in one}),
        "ingredients": [one.get("title") for one in active.get("ingredients", ())],
    }


def credentials_fault(found: Mapping[str, Any] | None, meant: str) -> str:
    """Return what is wrong with a signed file's credentials, or nothing."""
    if found is None:
        return "it carries no content credentials, though a certificate is configured"
    if found["state"] not in GOOD_STATES:
        return f"its content credentials are {found['state']}"
    return "" if found["source_types"] == [meant] else f"its content credentials do not say {meant}"


def seal_file(
    signer: ContentSigner,
    path: Path,
    source: tuple[Path, str],
    disclosure: Mapping[str, Any],
    *,
    resized: bool,
) -> None:
    """Sign a file and read the signature back; `source` is the ad it was made of and the name it goes by.

    Raises:
        VideoUnwritable: It could not be signed, or what was written does not hold.
    """
    signer.sign(path, *source, disclosure, resized=resized)
    fault = credentials_fault(read_credentials(path), disclosure["digital_source_type"])
    if fault:
        raise VideoUnwritable(f"{path.name}: {fault}.", remedy="Check the certificate of c2pa.certificate.")


def fingerprint_of(settings: SigningSettings, folder: Path) -> str:
    """Return the fingerprint of what a config signs with, without asking for its key; empty where it signs nothing.

    Raises:
        ConfigInvalid: The certificate can't be read.
    """
    if not settings.certificate:
        return ""
    chain = _read(folder / settings.certificate, "c2pa.certificate")
    return _fingerprint(chain, settings.algorithm, settings.timestamp_url)


def _fingerprint(chain: bytes, algorithm: str, timestamp_url: str) -> str:
    return hashlib.sha256(chain + f"{algorithm} {timestamp_url}".encode()).hexdigest()[:24]


def load_signer(settings: SigningSettings, folder: Path) -> ContentSigner | None:
    """Return the signer a config asks for, None where it names no certificate.

    Raises:
        ConfigInvalid: The library, certificate or key is missing, or they do not belong together, or it has expired.
    """
    if not settings.certificate:
        return None
    try:
        import c2pa  # noqa: F401
    except ImportError as error:
        raise ConfigInvalid(
            "c2pa.certificate is set, but the library that signs is not installed.",
            remedy='Install it: pip install "adcraft[c2pa]"',
        ) from error
    path = folder / settings.certificate
    chain, key = _read(path, "c2pa.certificate"), _key()
    _check_pair(path, chain, key)
    return ContentSigner(chain, settings.algorithm, settings.timestamp_url, key)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigInvalid(
            f"{what}: {path} can't be read: {error.strerror}.", remedy="Name a PEM file."
        ) from error


def _key() -> bytes:
    told = os.environ.get(KEY_VARIABLE, "")
    if not told:
        raise ConfigInvalid(
            f"c2pa.certificate is set, but {KEY_VARIABLE} is not.",
            remedy="Put the private key (PEM text, or the path of its file) into the environment or .env.",
        )
    return told.encode() if "-----BEGIN" in told else _read(Path(told), KEY_VARIABLE)


def _check_pair(path: Path, chain: bytes, key: bytes) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, IndexError) as error:
        raise ConfigInvalid(
            f"{path} or the key in {KEY_VARIABLE} is no PEM that can be read.",
            remedy="Give the certificate with its chain, and its key without a password.",
        ) from error
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if certificate.public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        raise ConfigInvalid(
            f"The key in {KEY_VARIABLE} is not that of {path}.",
            remedy="Give the key the certificate was made for.",
        )
    if not certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc:
        raise ConfigInvalid(
            f"{path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%d} only.",
            remedy="Have it renewed.",
        )
