"""64 clients, one put of 100 bytes each under way, for some seconds: puts a second, and the latency of the middle and of the
99th of a hundred. Both services get the same loop and the same sockets; etcd is spoken to through its JSON gateway over
connections that stay open, whose cost is its own."""

import base64
import json
import selectors
import socket
import sys
import time

CLIENTS = 64


def redis_put(number):
    key, value = b"key%08d" % (number % 100000), b"v" * 100
    return b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$100\r\n%s\r\n" % (len(key), key, value)


def redis_done(data):
    if data.startswith(b"-"):
        sys.exit("refused: %r" % data)
    return data.endswith(b"\r\n")


def etcd_put(number):
    encode = lambda text: base64.b64encode(text).decode()
    body = json.dumps({"key": encode(b"key%08d" % (number % 100000)), "value": encode(b"v" * 100)}).encode()
    return b"POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def etcd_done(data):
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    if b" 200 " not in head.split(b"\r\n")[0]:
        sys.exit("refused: %r" % data)
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(body) >= int(lengths[0].split(b":")[1])


def etcd_leader(ports):
    for port in ports:
        request = b"POST /v3/maintenance/status HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        with socket.create_connection(("127.0.0.1", port)) as stream:
            stream.sendall(request)
            answer = b""
            while piece := stream.recv(65536):
                answer += piece
        status = json.loads(answer.partition(b"\r\n\r\n")[2])
        if status["leader"] == status["header"]["member_id"]:
            return port
    return ports[0]


def main():
    name, ports, seconds = sys.argv[1], [int(port) for port in sys.argv[2].split(",")], float(sys.argv[3])
    put, done = (redis_put, redis_done) if name == "kvstore" else (etcd_put, etcd_done)
    port = ports[0] if name == "kvstore" else etcd_leader(ports)
    selector = selectors.DefaultSelector()
    number, latencies = 0, []
    begin = time.perf_counter()
    end = begin + seconds
    for _ in range(CLIENTS):
        stream = socket.create_connection(("127.0.0.1", port))
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        state = [stream, b"", time.perf_counter()]
        selector.register(stream, selectors.EVENT_READ, state)
        stream.sendall(put(number))
        number += 1
    while time.perf_counter() < end:
        for key, _ in selector.select(1):
            state = key.data
            state[1] += state[0].recv(65536)
            if done(state[1]):
                now = time.perf_counter()
                latencies.append(now - state[2])
                state[1], state[2] = b"", now
                state[0].sendall(put(number))
                number += 1
    latencies.sort()
    took = time.perf_counter() - begin
    at = lambda share: 1000 * latencies[int(share * (len(latencies) - 1))]
    print("%-8s %8.0f puts/s   median %6.2f ms   99th %6.2f ms" % (name, len(latencies) / took, at(0.5), at(0.99)))


main()
