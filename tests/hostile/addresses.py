"""Every way to write an address that must not be asked, and addresses that may."""

from __future__ import annotations

from ipaddress import IPv4Address

PRIVATE = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
PRIVATE_6 = (
    "::", "::1", "fe80::1", "febf::1", "fc00::1", "fdff::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "2001:2::1", "2001:10::1", "3fff::1", "5f00::1", "64:ff9b:1::1",
    "2001:0:0:0:0:0:80ff:fffe", "::ffff:0:127.0.0.1",
)  # fmt: skip
PUBLIC = ("93.184.216.34", "8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.0.1.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "169.253.1.1", "11.0.0.1", "126.255.255.255", "128.0.0.1")  # fmt: skip
PUBLIC_6 = ("2606:2800:220:1:248:1893:25c8:1946", "2001:4860:4860::8888", "2a00:1450:4001:81b::200e")
_CIRCLED = {str(n): chr(0x245F + n) for n in range(1, 10)} | {"0": "\u24ea"}
_WIDE = {str(n): chr(0xFF10 + n) for n in range(10)}


def written(address: str) -> list[str]:
    """Hosts that some reader takes for that IPv4 address."""
    value = int(IPv4Address(address))
    a, b, c, d = address.split(".")
    tail = int(b) << 16 | int(c) << 8 | int(d)
    return [
        address, f"{address}.", str(value), hex(value), f"0x{value:08X}", f"0{value:o}", f"0x{int(a):x}.{tail}", f"{a}.{tail}", f"{a}.{b}.{int(c) << 8 | int(d)}",
        ".".join(f"0{int(p):o}" for p in (a, b, c, d)), ".".join(f"0x{int(p):x}" for p in (a, b, c, d)), f"{a}.0x{int(b):x}.0{int(c):o}.{d}", f"000{int(a):o}.{b}.{c}.{d}",
        f"[::ffff:{address}]", f"[::ffff:{value >> 16:x}:{value & 0xFFFF:x}]", f"[0:0:0:0:0:ffff:{value >> 16:04X}:{value & 0xFFFF:04X}]", f"[::{address}]", f"[64:ff9b::{address}]",
        f"[64:ff9b:1::{address}]", f"[2002:{value >> 16:x}:{value & 0xFFFF:x}::1]", f"[2001:0:4136:e378:8000:63bf:{(value >> 16) ^ 0xFFFF:x}:{(value & 0xFFFF) ^ 0xFFFF:x}]",
        "".join(_CIRCLED.get(ch, ch) for ch in address), "".join(_WIDE.get(ch, ch) for ch in address), address.replace(".", "\u3002"), address.replace(".", "\uff0e"), address.replace(".", "\uff61"),
        "".join(f"%{ord(ch):02x}" for ch in address),
    ]  # fmt: skip


def tricks(port: int) -> list[str]:
    """Addresses that are read in more than one way, each with loopback in one of them."""
    p = port
    return [
        f"http://localhost:{p}/", f"http://LOCALHOST:{p}/", f"http://localhost.:{p}/", f"http://a.localhost:{p}/", f"http://ip6-localhost:{p}/",
        f"http://user@127.0.0.1:{p}/", f"http://user:pass@127.0.0.1:{p}/", f"http://public.test@127.0.0.1:{p}/", f"http://127.0.0.1:{p}@public.test/", f"http://public.test:80@127.0.0.1:{p}/",
        f"http://127.0.0.1:{p}\\@public.test/", f"http://public.test\\@127.0.0.1:{p}/", f"http://public.test\\.127.0.0.1:{p}/", f"http:\\\\127.0.0.1:{p}\\", f"http:/127.0.0.1:{p}/", f"http:127.0.0.1:{p}/",
        f"http:///127.0.0.1:{p}/", f"http:////127.0.0.1:{p}/", f"//127.0.0.1:{p}/", f"HTTP://127.0.0.1:{p}/", f" http://127.0.0.1:{p}/ ", f"http://127.0.0.1\t:{p}/", f"http://127.0.0\n.1:{p}/",
        f"http://127.0.0.1:{p}#@public.test/", f"http://public.test#@127.0.0.1:{p}/", f"http://127.0.0.1:{p}?@public.test/", f"http://127.0.0.1:0{p}/", f"http://127.0.0.1:{p}\u200b/", f"http://127.0.0.1%00.public.test:{p}/",
        f"http://127.0.0.1%2f@public.test:{p}/", f"http://[::1%25lo]:{p}/", f"http://[::1%lo]:{p}/", f"http://[::1]%20:{p}/", f"http://1\u20442.0.0.1:{p}/", f"http://127.1.:{p}/", f"http://0:{p}/", f"http://0x7f.1:{p}/",
        f"http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:{p}/", f"http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{p}/", f"http://127\u30020\u30020\u30021:{p}/", f"http://loop.test:{p}/", f"http://mixed-loop.test:{p}/", f"http://six.test:{p}/",
        "file:///etc/hostname", "file://localhost/etc/hostname", "ftp://127.0.0.1/", "gopher://127.0.0.1:6379/_PING", "data:text/html,x", "javascript:alert(1)", "jar:http://127.0.0.1!/", "dict://127.0.0.1:11211/", "s3://bucket/key", "ws://127.0.0.1/",
    ]  # fmt: skip


def forbidden(port: int) -> list[str]:
    """Some eight hundred addresses, none of which may be connected to."""
    found = [f"http://{host}:{port}/" for address in PRIVATE for host in written(address)]
    found += [f"http://[{address}]:{port}/" for address in PRIVATE_6]
    return list(dict.fromkeys(found + tricks(port)))
