"""Which network addresses the platform may connect to on a user's word: the public ones, by explicit lists.

`ipaddress.is_global` is not enough: Python 3.11.7 calls 192.0.0.192 (a cloud's metadata service), NAT64, 6to4,
site-local and multicast addresses global. The lists follow the IANA special-purpose registries. Pure, except
`resolve_public`, which asks the resolver and may block: call it from a thread.
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from apps.core.exceptions import InvalidInput

IPAddress = IPv4Address | IPv6Address

DENIED_V4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; 100.100.100.200 is a cloud's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent
        "169.254.0.0/16",  # link-local; 169.254.169.254 is the metadata service
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
PUBLIC_V6: Final = IPv6Network("2000::/3")
DENIED_V6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments, with Teredo, ORCHID and benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "3fff::/20",  # documentation
    )
)


METADATA_SERVICES: Final = frozenset(
    map(ip_address, ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)


def is_public(ip: IPAddress) -> bool:
    """Whether the address is a unicast address of the public internet.

    IPv6 is public only inside 2000::/3, which leaves out loopback, IPv4-mapped, NAT64, unique-local, link-local,
    site-local and multicast addresses.
    """
    if isinstance(ip, IPv4Address):
        return not any(ip in block for block in DENIED_V4)
    return ip in PUBLIC_V6 and not any(ip in block for block in DENIED_V6)


def is_internal(ip: IPAddress) -> bool:
    """Whether an operator who allows private addresses means this one: any but metadata services and odd ranges."""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    odd = ip.is_link_local or ip.is_multicast or ip.is_unspecified or (ip.is_reserved and not ip.is_loopback)
    return not odd and ip not in METADATA_SERVICES


def is_loopback(ip: IPAddress) -> bool:
    """Whether the address is this machine itself."""
    return ip.is_loopback


def resolve(host: str) -> list[IPAddress]:
    """The addresses of a host, as the resolver orders them; odd spellings (decimal, hex, short) are resolved too.

    Raises InvalidInput (`host_not_found`) when there is none. Blocks.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InvalidInput(f"The host {host!r} has no address.", code="host_not_found", host=host) from None
    return list(dict.fromkeys(ip_address(str(address[0]).partition("%")[0]) for *_, address in found))


def resolve_public(host: str) -> list[IPAddress]:
    """The addresses of a host, all of them public. Connect to one of these and not to the name again.

    Raises InvalidInput: `host_not_found`, or `address_denied` when any address is not public. Blocks.
    """
    addresses = resolve(host)
    denied = [str(ip) for ip in addresses if not is_public(ip)]
    if denied:
        raise InvalidInput(f"The host {host!r} is not on the public internet.", code="address_denied", host=host)
    return addresses
