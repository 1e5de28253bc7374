"""Addresses: what is not public is refused however it is dressed, and named by its class."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.downloads.addresses import AddressRefused, check_address, refusal_of


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_that_is_not_global_is_refused(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert refusal_of(address)


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_that_is_not_global_is_refused(address: IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert refusal_of(address)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "::{}", "64:ff9b:1::{}"]))
def test_ipv4_dressed_up_as_ipv6_is_refused(address: IPv4Address, dress: str) -> None:
    assert refusal_of(IPv6Address(dress.format(address)))


@given(st.ip_addresses(v=4))
def test_nat64_is_judged_by_the_address_inside(address: IPv4Address) -> None:
    assert bool(refusal_of(IPv6Address(f"64:ff9b::{address}"))) == bool(refusal_of(address))


@given(st.ip_addresses(v=4))
def test_6to4_and_teredo_tunnels_are_refused(address: IPv4Address) -> None:
    high, low = divmod(int(address), 1 << 16)
    assert refusal_of(IPv6Address(f"2002:{high:x}:{low:x}::1"))
    assert refusal_of(IPv6Address(f"2001:0:{high:x}:{low:x}::1"))


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("10.1.2.3", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "CGNAT"),
        ("127.8.8.8", "loopback"),
        ("169.254.169.254", "metadata"),
        ("168.63.129.16", "cloud"),
        ("0.0.0.0", "this host"),
        ("255.255.255.255", "broadcast"),
        ("224.0.0.251", "multicast"),
        ("::1", "loopback"),
        ("::", "this host"),
        ("fe80::1%eth0", "link-local"),
        ("fd00:ec2::254", "private"),
        ("ff02::1", "multicast"),
        ("::ffff:8.8.8.8", "IPv4"),
        ("64:ff9b::10.0.0.1", "NAT64"),
    ],
)
def test_a_refused_address_is_named_by_its_class(address: str, named: str) -> None:
    assert named in str(refusal_of(ip_address(address)))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert refusal_of(ip_address(address)) is None


def test_what_is_no_address_is_never_connected() -> None:
    with pytest.raises(AddressRefused):
        check_address("localhost", refusal_of)
