"""The PID namespace in which the tests run, and a network of a test's own."""

from __future__ import annotations

from pathlib import Path

IN_FIRST_PID_NAMESPACE = str(Path("/proc/self/ns/pid").readlink()) == "pid:[4026531836]"

HOST_THAT_IS_DOWN = "127.0.0.2"
"""In a network of its own, nothing that is sent to this address arrives."""
DNS_SERVER = "127.0.0.3"
"""In a network of its own, it refuses each question at once, until what is sent to it is dropped."""

_SET_UP = f"""
set -e
ip link set lo up
# With no address but loopback's, ser2net takes no address at all (getaddrinfo(3), AI_ADDRCONFIG).
ip link add outside type veth peer name nowhere
ip address add 10.0.0.1/24 dev outside
ip link set outside up
nft -f - <<'RULES'
add table inet test
add chain inet test input {{ type filter hook input priority 0; }}
add rule inet test input ip daddr {HOST_THAT_IS_DOWN} drop
RULES
mount -t tmpfs none /run
echo "nameserver {DNS_SERVER}" >/run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
exec "$@"
"""


def in_own_network(command: list[str]) -> list[str]:
    """Wrap a command: its network is a loopback of its own, with one host that is down, and no names."""
    return ["unshare", "--net", "--mount", "sh", "-c", _SET_UP, "sh", *command]


def deliver() -> list[str]:
    """Return a command for a network of its own: everything arrives again."""
    return ["nft", "flush chain inet test input"]


def drop(address: str) -> list[str]:
    """Return a command for a network of its own: nothing that is sent to this address arrives any more."""
    return ["nft", f"add rule inet test input ip daddr {address} drop"]
