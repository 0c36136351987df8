from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.config.models import Http
from crawler.engine.middlewares.address_guard import AddressPolicy, embedded_ipv4, numeric_host

PUBLIC = AddressPolicy()
LOOPBACK = AddressPolicy.of(Http(allow_networks=("127.0.0.0/8", "::1/128")))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1",
     "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "::127.0.0.1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
     "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "0", "017700000001", "0x7f.0x0.0x0.0x1", "127.0.0.1."],
)  # fmt: skip
def test_row_09_no_form_of_a_private_address_passes(host: str) -> None:
    address = numeric_host(host)
    assert address is not None
    assert PUBLIC.refusal(address, 80) is not None


@pytest.mark.parametrize(
    "host", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
)
def test_row_09_public_addresses_pass_on_the_usual_ports(host: str) -> None:
    address = numeric_host(host)
    assert address is not None
    assert PUBLIC.refusal(address, 443) is None
    assert "port 22" in str(PUBLIC.refusal(address, 22))
    assert PUBLIC.refusal(address, 8100) is None


def test_allow_networks_opens_what_it_names_on_any_port_and_nothing_else() -> None:
    assert LOOPBACK.refusal(ipaddress.ip_address("127.9.9.9"), 22) is None
    assert LOOPBACK.refusal(ipaddress.ip_address("::1"), 22) is None
    assert LOOPBACK.refusal(ipaddress.ip_address("::ffff:127.0.0.1"), 22) is None
    assert LOOPBACK.refusal(ipaddress.ip_address("10.0.0.1"), 80) is not None


@pytest.mark.parametrize(
    "host",
    ["168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "::ffff:0:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:808:8:800::", "64:ff9b:1:7f00:0:100::",
     "::8.8.8.8", "::2", "1::1", "1fff::1", "4000::1", "6000::1", "8000::1", "a000::1", "c000::1", "e000::1", "100::1", "fec0::1", "ff0e::1", "5f00::1"],
)  # fmt: skip
def test_row_09_what_is_not_given_out_for_the_public_is_refused(host: str) -> None:
    """IANA gives out 2000::/3; of the rest only mapped addresses and the well-known NAT64 prefix are judged by what they hold."""
    assert PUBLIC.refusal(ipaddress.ip_address(host), 80) is not None
    opened = AddressPolicy.of(Http(allow_networks=(f"{host}/{ipaddress.ip_address(host).max_prefixlen}",)))
    assert opened.refusal(ipaddress.ip_address(host), 80) is None


@given(st.ip_addresses(v=6))
def test_row_09_no_address_outside_of_unicast_passes(address: ipaddress.IPv6Address) -> None:
    inside = address in ipaddress.ip_network("2000::/3")
    judged = any(address in ipaddress.ip_network(n) for n in ("::ffff:0:0/96", "64:ff9b::/96"))
    assert inside or judged or PUBLIC.refusal(address, 80) is not None


@pytest.mark.parametrize("name", ["example.org", "localhost", "1.2.3.4.5", "0x7g", "a1", ""])
def test_a_name_is_no_address(name: str) -> None:
    assert numeric_host(name) is None


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    for outer in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert embedded_ipv4(ipaddress.IPv6Address(outer)) == address
        assert (PUBLIC.refusal(ipaddress.ip_address(outer), 80) is None) == (PUBLIC.refusal(address, 80) is None)
