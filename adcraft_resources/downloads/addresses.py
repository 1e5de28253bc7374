"""Which addresses may be contacted, checked where the connection is made.

Belongs here: the address classes, the resolver and the socket maker that enforce them.
Does not: URLs or HTTP. A name is resolved once, its addresses are checked, and the socket is opened to the very
address that was checked, so that a name answering differently the second time (DNS rebinding) gains nothing.
Classes after the IANA special-purpose registries of IPv4 and IPv6 (RFC 6890 and successors).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

Address = IPv4Address | IPv6Address
RefusalOf = Callable[[Address], str | None]

_REFUSED: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this host"),
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "a carrier's shared network (CGNAT)"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "a cloud provider's internal service"),
    ("169.254.0.0/16", "link-local, where clouds keep their metadata service"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.0.0/24", "a protocol assignment"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "a protocol assignment"),
    ("192.52.193.0/24", "a protocol assignment"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "a private network"),
    ("192.175.48.0/24", "a protocol assignment"),
    ("198.18.0.0/15", "a benchmarking network"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved or broadcast"),
    ("::/128", "this host"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/96", "an IPv4 address written as IPv6"),
    ("::/96", "an IPv4 address written as IPv6"),
    ("64:ff9b:1::/48", "a local NAT64 network"),
    ("2001::/32", "a Teredo tunnel"),
    ("2001::/23", "a protocol assignment"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "a 6to4 tunnel"),
    ("3fff::/20", "documentation"),
    ("fc00::/7", "a private network"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "a site-local network"),
    ("ff00::/8", "multicast"),
)
_TABLE: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple(
    (ip_network(net), why) for net, why in _REFUSED
)
_NAT64 = IPv6Network("64:ff9b::/96")
_PUBLIC_V6 = IPv6Network("2000::/3")  # all that IANA has handed out as global unicast


class AddressRefused(OSError):  # noqa: N818 (errors are named for the event)
    """A connection to an address that sources may not come from; an OSError so that aiohttp lets it through."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(None, f"{address} is {reason}")
        self.address = address
        self.reason = reason


def refusal_of(address: Address) -> str | None:
    """Say why a source may not come from `address`, or None where it may.

    Addresses of the well-known NAT64 prefix are judged by the IPv4 address inside them: IPv6-only clusters reach
    the public IPv4 internet through no other. All other ways to write IPv4 inside IPv6 are refused.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "link-local"
    if isinstance(address, IPv6Address) and address in _NAT64:
        inner = refusal_of(IPv4Address(int(address) & 0xFFFF_FFFF))
        return f"NAT64 for {inner}" if inner else None
    for network, why in _TABLE:
        if address.version == network.version and address in network:
            return why
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return "no public address"
    return None


def allow_every_address(_address: Address) -> str | None:
    """Refuse nothing: the rule under `allow_private_hosts`."""
    return None


def check_address(text: str, refusal: RefusalOf) -> None:
    """Raise AddressRefused when the address written in `text` may not be contacted, or is none."""
    try:
        address = ip_address(text)
    except ValueError:
        raise AddressRefused(text, "no IP address") from None
    why = refusal(address)
    if why:
        raise AddressRefused(text, why)


class CheckedResolver(AbstractResolver):
    """Resolves through `names` and refuses a host as soon as one of its addresses is refused."""

    def __init__(self, names: AbstractResolver, refusal: RefusalOf) -> None:
        self._names = names
        self._refusal = refusal

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the checked addresses of `host`.

        Raises:
            AddressRefused: One of them may not be contacted.
            OSError: The name has no address.
        """
        found = await self._names.resolve(host, port, family)
        for answer in found:
            check_address(answer["host"], self._refusal)
        return found

    async def close(self) -> None:
        """Release the resolver behind this one."""
        await self._names.close()


def socket_maker(refusal: RefusalOf) -> Callable[..., socket.socket]:
    """Make the function that opens aiohttp's sockets: the last check, on the very address to be connected."""

    def open_socket(addr_info: tuple[int, int, int, str, tuple[str | int, ...]]) -> socket.socket:
        family, kind, protocol, _, where = addr_info
        check_address(str(where[0]), refusal)
        return socket.socket(family=family, type=kind, proto=protocol)

    return open_socket
