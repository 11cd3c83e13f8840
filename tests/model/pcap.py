"""Captures as the tests write them: UDP in IPv4, with or without a header of Ethernet. Reads and writes."""

import socket
import struct

IPV4, ETHERNET = 228, 1  # link types


def read(path):
    """Yields (source, target, payload) of every UDP datagram; an address is (host, port)."""
    data = path.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    if order is None or len(data) < 24:
        raise ValueError(f"{path} is no capture in the pcap format")
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xffff
    if link not in (IPV4, ETHERNET):
        raise ValueError(f"{path} has link type {link}, which is not read here")
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        packet = data[at + 16:at + 16 + length]
        at += 16 + length
        found = udp(packet if link == IPV4 else packet[14:])
        if found:
            yield found


def udp(packet):
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
        return None
    source, target = (socket.inet_ntoa(packet[i:i + 4]) for i in (12, 16))
    segment = packet[4 * (packet[0] & 15):]
    source_port, target_port, length = struct.unpack_from("!HHH", segment)
    return (source, source_port), (target, target_port), segment[8:length]


def write(path, datagrams):
    """`datagrams`: as read() yields them."""
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, IPV4))
        for source, target, payload in datagrams:
            segment = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
            packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0, 64, socket.IPPROTO_UDP, 0,
                                 socket.inet_aton(source[0]), socket.inet_aton(target[0])) + segment
            f.write(struct.pack("=IIII", 0, 0, len(packet), len(packet)) + packet)
