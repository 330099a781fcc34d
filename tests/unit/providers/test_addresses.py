"""Which addresses are public, and where a provider may live."""

from ipaddress import ip_address

import pytest
from pytest_django.fixtures import Settings

from apps.core.addresses import is_internal, is_public, resolve, resolve_public
from apps.core.exceptions import InvalidInput
from apps.providers.addresses import check_base_url
from apps.providers.exceptions import UnsafeAddress


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "198.17.255.255", "2606:4700::1111", "2a00:1450:4001::1"])
def test_it_works(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.255", "168.63.129.16"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1"),
        *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1", "203.0.113.9"),
        *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1"),
        *("2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1"),
        *("ff02::1", "5f00::1"),
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "192.168.1.1", "::1", "fd12::1", "8.8.8.8"])
def test_an_operator_may_allow_internal_addresses(address: str) -> None:
    assert is_internal(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "fe80::1", "::"],
)
def test_metadata_services_are_never_internal(address: str) -> None:
    assert not is_internal(ip_address(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_odd_spellings_of_this_machine_are_seen_through(host: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_public(host)
    assert caught.value.code == "address_denied"


@pytest.mark.parametrize("host", ["", "no-such-host.invalid", "a" * 64 + ".example", "\ud800"])
def test_a_host_without_address_is_said_so(host: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve(host)
    assert caught.value.code == "host_not_found"


@pytest.mark.parametrize(
    "url",
    ["https://8.8.8.8/v1", "http://1.1.1.1:8080", "https://[2606:4700::1111]/v1", "https://no-such-host.invalid/v1"],
)
def test_a_provider_may_live_on_the_public_internet(url: str) -> None:
    check_base_url(url, kind="openai_compatible")


@pytest.mark.parametrize(
    "url",
    [
        *("", "8.8.8.8", "ftp://8.8.8.8", "file:///etc/passwd", "gopher://8.8.8.8", "javascript:alert(1)", "https://"),
        *(
            "https://user@8.8.8.8",
            "https://user:pass@8.8.8.8/v1",
            "https://8.8.8.8:port",
            "https://[::1",
            "http://\x00",
        ),
        *("https://8.8.8.8/v1?key=1", "https://8.8.8.8/v1#x"),
        *("http://127.0.0.1:11434/v1", "http://localhost/v1", "http://169.254.169.254/latest", "http://10.0.0.1"),
        *("http://2130706433/", "http://[::1]/", "http://0/"),
    ],
)
def test_everywhere_else_it_may_not(url: str) -> None:
    with pytest.raises(UnsafeAddress) as caught:
        check_base_url(url, kind="openai_compatible")
    assert caught.value.code == "unsafe_address"


def test_the_local_model_lives_on_this_machine_and_nowhere_else() -> None:
    check_base_url("http://127.0.0.1:8081/v1", kind="local")
    for url in ("http://10.0.0.1/v1", "http://169.254.169.254", "https://8.8.8.8"):
        with pytest.raises(UnsafeAddress):
            check_base_url(url, kind="local")


def test_an_operator_may_open_the_internal_network(settings: Settings) -> None:
    settings.CEF_ALLOW_PRIVATE_PROVIDERS = True
    check_base_url("http://10.0.0.1:8000/v1", kind="openai_compatible")
    with pytest.raises(UnsafeAddress):
        check_base_url("http://169.254.169.254/v1", kind="openai_compatible")
