"""The address guard: which addresses may be requested. One policy, enforced at the request and at the resolver.

A connection goes only to an address that the resolver lets through, so redirects and DNS rebinding are covered
(RELIABILITY 3.1: of 1,244 addresses that must be refused, 657 would have been requested by the defaults, and a check of
the host name alone lets 461 of them through).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer

from crawler.config.models import Config, Http
from crawler.config.value_types import resolve_env
from crawler.engine.addon import CONFIG
from crawler.urls import MAX_URL

_PORTS = {"http": 80, "https": 443}
# Special-purpose networks that are never public, whatever Python's ipaddress says (IANA special-purpose registries).
_NEVER = [
    ipaddress.ip_network(n)
    for n in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",  # formally public, but the host of every virtual machine of one provider
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
]
_UNICAST = ipaddress.ip_network("2000::/3")  # all IPv6 that IANA allocates for the public (RFC 4291, 2.4)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052; 64:ff9b:1::/48 (RFC 8215) is for local use
_NUMERIC = re.compile(r"^(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\.?$", re.IGNORECASE)


class RequestRefused(IgnoreRequest):
    """A request that is not sent; `kind` is guard, robots or deferred, and the message says why."""

    def __init__(self, message: str, *, kind: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be requested: public addresses on the usual ports, and the operator's allow_networks on any port."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: tuple[tuple[int, int], ...] = ((80, 80), (443, 443), (8000, 8999))

    @classmethod
    def of(cls, http: Http) -> Self:
        """The policy of the settings."""
        ports = tuple((int(part.split("-")[0]), int(part.split("-")[-1])) for part in http.allow_ports)
        return cls(networks=tuple(ipaddress.ip_network(n) for n in http.allow_networks), ports=ports)

    def refusal(self, address: IPv4Address | IPv6Address, port: int) -> str | None:
        """Why that address and port may not be requested; None where they may."""
        inner = embedded_ipv4(address)
        if any(a.version == n.version and a in n for a in {address, inner} for n in self.networks):
            return None
        if not is_public(inner) or not is_public(address, embedding=inner is not address):
            return (
                f'{address} is not a public address; [http] allow_networks = ["{inner}/{inner.max_prefixlen}"] opens it'
            )
        if not any(low <= port <= high for low, high in self.ports):
            return f"port {port} is not one that news are served on; [http] allow_ports opens it"
        return None

    def opens(self, port: int) -> bool:
        """Whether a port of a public address may be requested."""
        return any(low <= port <= high for low, high in self.ports)


def embedded_ipv4(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address embedded in an IPv6 address (mapped, NAT64, 6to4, Teredo); else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    return address


def is_public(address: IPv4Address | IPv6Address, *, embedding: bool = False) -> bool:
    """Whether an address is globally routable unicast."""
    if embedding:  # an address that embeds another counts as the embedded one
        return True
    return (
        address.is_global
        and not address.is_multicast
        and (address.version == 4 or address in _UNICAST)
        and not any(address.version == n.version and address in n for n in _NEVER)
    )


def numeric_host(host: str) -> IPv4Address | IPv6Address | None:
    """Parse a host as an address in any form that resolvers accept (octal, hex, short, one number); None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]").split("%")[0])
    except ValueError:
        pass
    if not _NUMERIC.match(host):
        return None
    parts = host.rstrip(".").split(".")
    try:
        numbers = [
            int(p, 16)
            if p[:2].lower() == "0x" and len(p) > 2
            else 0
            if p.lower() == "0x"
            else int(p, 8)
            if len(p) > 1 and p[0] == "0"
            else int(p)
            for p in parts
        ]
        value = sum(n << (8 * (3 - i)) for i, n in enumerate(numbers[:-1])) + numbers[-1]
        return IPv4Address(value)
    except ValueError:
        return IPv4Address("0.0.0.0")  # noqa: S104 - an invalid number: never public, so never requested


class GuardMiddleware:
    """Refuses a request by its address before name resolution, and a response that came from a forbidden address."""

    def __init__(self, config: Config) -> None:
        self.proxy = config.http.proxy
        self.apply(config)

    @classmethod
    def from_crawler(cls, crawler: Any) -> Self:
        """Called by Scrapy."""
        return cls(crawler.settings.get(CONFIG))

    def apply(self, config: Config) -> None:
        """Apply a new configuration, except for the proxy, because the resolver trusts its host by name."""
        self.policy = AddressPolicy.of(config.http)

    def process_request(self, request: Request) -> None:
        """Check length, scheme, user name, port and literal addresses."""
        if len(request.url) > MAX_URL:  # a redirect may lead to an address of any length
            raise RequestRefused(f"an address of more than {MAX_URL:,} characters is not requested", kind="guard")
        parts = urlsplit(request.url)
        if parts.scheme not in _PORTS:
            raise RequestRefused(f"only http and https are requested, not {parts.scheme}:", kind="guard")
        if "@" in parts.netloc or "\\" in request.url.split("?")[0]:
            raise RequestRefused("a URL with a user name or a backslash is not requested", kind="guard")
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise RequestRefused("an address without a valid port", kind="guard") from None
        host = (parts.hostname or "").rstrip(".")
        address = numeric_host(host)
        if address is not None and (reason := self.policy.refusal(address, port)):
            raise RequestRefused(reason, kind="guard")
        if address is None and not self.policy.networks and not self.policy.opens(port):
            raise RequestRefused(
                f"port {port} is not one that news are served on; [http] allow_ports opens it", kind="guard"
            )
        if self.proxy:
            request.meta["proxy"] = resolve_env(self.proxy)

    def process_response(self, request: Request, response: Any) -> Any:
        """Check the address that really responded."""
        address = getattr(response, "ip_address", None)
        if address is not None and not self.proxy:
            port = urlsplit(request.url).port or _PORTS[urlsplit(request.url).scheme]
            if reason := self.policy.refusal(ipaddress.ip_address(str(address).split("%")[0]), port):
                raise RequestRefused(reason, kind="guard")
        return response


@dataclass(slots=True)
class _FilteringReceiver:
    """Passes on only the addresses that the policy allows, and records why the others were refused."""

    receiver: Any
    host: str
    port: int
    policy: AddressPolicy
    refused: dict[str, str] = field(default_factory=dict)

    def resolutionBegan(self, resolution: Any) -> None:
        self.receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Any) -> None:
        reason = self.policy.refusal(ipaddress.ip_address(address.host.split("%")[0]), self.port)
        if reason is None:
            self.refused.pop(self.host, None)
            self.receiver.addressResolved(address)
        else:
            self.refused[self.host] = f"{self.host} is at {reason}"

    def resolutionComplete(self) -> None:
        self.receiver.resolutionComplete()


@implementer(IHostnameResolver)
class GuardedResolver:
    """Twisted's resolver for both address families, filtered by the policy.

    Without a configuration only public addresses pass.
    """

    def __init__(self, inner: Any, policy: AddressPolicy, proxy: str = "") -> None:
        self.inner = inner
        self.policy = policy
        self.proxy_host = urlsplit(resolve_env(proxy)).hostname if proxy else None
        self.refused: dict[str, str] = {}
        self._reactor: Any = None

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> Self:
        """Called by Scrapy, before a spider's configuration is known."""
        config = crawler.settings.get(CONFIG)
        resolver = cls(
            reactor.nameResolver,
            AddressPolicy.of(config.http) if config else AddressPolicy(),
            config.http.proxy if config else "",
        )
        resolver._reactor = reactor
        return resolver

    def install_on_reactor(self) -> None:
        """Called by Scrapy."""
        self._reactor.installNameResolver(self)

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        """Resolve a name and pass on the allowed addresses; the operator's proxy is trusted."""
        if hostName == self.proxy_host:
            return self.inner.resolveHostName(
                resolutionReceiver, hostName, portNumber, addressTypes, transportSemantics
            )
        if len(self.refused) > 1000:
            self.refused.clear()
        screen = _FilteringReceiver(resolutionReceiver, hostName, portNumber, self.policy, self.refused)
        return self.inner.resolveHostName(screen, hostName, portNumber, addressTypes, transportSemantics)


def install_resolver(reactor: Any, config: Config) -> GuardedResolver:
    """Install the policy of a configuration on a running reactor."""
    current = reactor.nameResolver
    inner = current.inner if isinstance(current, GuardedResolver) else current
    resolver = GuardedResolver(inner, AddressPolicy.of(config.http), config.http.proxy)
    reactor.installNameResolver(resolver)
    return resolver
