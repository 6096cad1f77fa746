"""Names and addresses of certificates, over many inputs."""

import ipaddress

import yaml
from hypothesis import given
from hypothesis import strategies as st

from hardway.pki import catalog, openssl
from hardway.pki.kubeconfigs import scalar

ADDRESSES = st.ip_addresses().map(str)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?(\.[a-z0-9]{1,5}){0,3}", fullmatch=True)


@given(st.lists(NAMES | ADDRESSES | st.text(max_size=8)), st.lists(ADDRESSES))
def test_alternate_names_are_sorted_unique_and_of_the_right_kind(names: list[str], addresses: list[str]) -> None:
    """kubeadm sorts DNS names, keeps the order of addresses, and repeats neither."""
    dns, ips = catalog._alternate_names(names, addresses)
    assert tuple(sorted(set(dns))) == dns
    assert tuple(dict.fromkeys(ips)) == ips
    assert not any(catalog.address(name) for name in dns)
    assert all(catalog.address(ip) == ip for ip in ips)


@given(st.ip_addresses(v=6))
def test_openssl_prints_addresses_group_by_group(address: ipaddress.IPv6Address) -> None:
    """The printed form names the same address, so that a check can look for it."""
    printed = openssl.printed_address(str(address))
    assert address == ipaddress.ip_address(printed.lower())
    assert len(printed.split(":")) == 8


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc"])))
def test_any_name_survives_yaml(name: str) -> None:
    """A cluster named `yes`, `1.0` or `a: b` is still that name in a kubeconfig."""
    assert {"name": name} == yaml.safe_load(f"name: {scalar(name)}\n")
