import pytest

from pcap_analyzer.tunnels import tunnel_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("eth:ip:tcp", ""),
        ("eth:ip:gre:ip:tcp", "gre"),
        ("eth:ip:udp:vxlan:eth:ip:tcp", "vxlan"),
        ("eth:vlan:ip:gre:eth:ip:udp:vxlan:eth:ip:tcp", "gre/vxlan"),
        ("eth:ip:gre:erspan:eth:ip:udp", "gre/erspan"),
        ("sll:ip:udp:gtp:ipv6:tcp", "gtpu"),
        ("eth:ip:ip:udp", "ipip"),
        ("eth:ip:ipv6:ip:tcp", "6in4/4in6"),
        ("eth:ip:gre:ip:ip:udp", "gre/ipip"),
        ("eth:mpls:ip:tcp", ""),
        ("eth:mpls:mpls:ip:ip:tcp", "ipip"),
        ("eth:ip:udp:mpls:ip:tcp", "mpls"),
        ("eth:ip:mpls:mpls:ipv6:tcp", "mpls"),
        ("eth:ip:udp:mpls:ip:ip:tcp", "mpls/ipip"),
        ("eth:ip:gre:mpls:ip:tcp", "gre"),
        ("eth:ip:udp:mpls:pwethheuristic:eth:ip:tcp", "mpls"),
        ("eth:ip:icmp:ip:gre:ip:udp", ""),
        ("", ""),
    ],
)
def test_a_tunnel_is_named_by_what_stands_around_the_innermost_ip_layer(path, name):
    assert tunnel_name(path.split(":")) == name
