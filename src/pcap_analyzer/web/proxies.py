"""Which peers are proxies that may say for whom they ask."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


class Proxies:
    """Addresses and networks, as TRUSTED_PROXIES names them. What is no address is in none of them."""

    def __init__(self, networks: tuple[str, ...] = ()) -> None:
        self.names = networks
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(network) for network in networks]

    def __contains__(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._networks)
