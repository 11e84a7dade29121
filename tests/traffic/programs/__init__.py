"""What runs on the hosts: real clients and servers, over the kernel's TCP and UDP."""
