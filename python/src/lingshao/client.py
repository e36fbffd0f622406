"""Whose request it is: the address of the nearest hop that is not one of our own proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Union

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

# Most hops that are looked at: real chains have one to three, and the list comes from strangers.
HOPS_MAX = 32
# Most addresses that are remembered, because the standard library takes 10 µs to read one: a megabyte at most.
ADDRESSES_KNOWN_MAX = 4096
# Longest text that can be an address with a port: `[` 45 characters of IPv6 `%` scope `]:65535`.
_ADDRESS_CHARS_MAX = 80


class TrustedProxies:
    """Networks whose `X-Forwarded-For` is believed: ["127.0.0.1", "10.0.0.0/8", "fd00::/8", "unix"]."""

    def __init__(self, networks: Iterable[str]) -> None:
        if isinstance(networks, str):
            networks = networks.split(",")
        words = [word.strip() for word in networks if word.strip()]
        self._unix = "unix" in words
        self._networks = [_network(word) for word in words if word != "unix"]
        self._trusts = lru_cache(maxsize=ADDRESSES_KNOWN_MAX)(self._looked_up)

    def client_ip(self, peer: str | None, forwarded: list[bytes]) -> str | None:
        """The right-most hop that is not trusted. What stands left of it is whatever the client liked to write."""
        client = _address(peer) if peer else None
        if client is None:
            if not self._unix or not forwarded:
                return None
        elif not forwarded or not self._trusts(client):
            return str(client)
        for hop in _hops(forwarded):
            address = _address(hop)
            if address is None:
                break  # Behind what cannot be read, nothing can be believed.
            client = address
            if not self._trusts(client):
                break
        return None if client is None else str(client)

    def _looked_up(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        message = f"trusted_proxies: `{word}` is no address, no network such as 10.0.0.0/8, and not `unix`"
        raise ValueError(message) from None


def _hops(forwarded: list[bytes]) -> list[str]:
    """From the nearest to the farthest."""
    hops = b",".join(forwarded).rsplit(b",", HOPS_MAX)
    if len(hops) > HOPS_MAX:
        hops = hops[1:]
    return [hop.decode("latin-1").strip() for hop in reversed(hops)]


def _address(hop: str) -> Address | None:
    """An address, with or without a port."""
    return _parsed(hop) if 0 < len(hop) <= _ADDRESS_CHARS_MAX else None


@lru_cache(maxsize=ADDRESSES_KNOWN_MAX)
def _parsed(hop: str) -> Address | None:
    if hop[0] == "[":
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        address = ipaddress.ip_address(hop.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
