"""The store: immutable bundles of files, published whole, with a pointer to the current one.

`<base>/<kind>/<key>/<digest>/` holds a bundle's files and, written last, `manifest.json`;
`<base>/<kind>/<key>/current.json` names the current digest and is replaced atomically. A reader sees a
whole bundle or none. Belongs here: the door to the store's rooms. Does not: what is in a bundle.
"""

from adcraft_resources.store.bundle_store import BundleStore
from adcraft_resources.store.bundles import Bundle, Draft, to_json
from adcraft_resources.store.digests import digest_of, sha256_of

__all__ = ["Bundle", "BundleStore", "Draft", "digest_of", "sha256_of", "to_json"]
