"""speed.py: what POST /recommend costs beside what it is made of.  Prints; it asserts nothing.

Run by `test/check web` with the environment of app.py: DATABASE_URL and a model that is active.
"""
import http.client
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import time

import psycopg

HERE = os.path.dirname(os.path.abspath(__file__))
WEB = os.path.join(HERE, "../../src/web")
BODY = json.dumps({"user_id": 1, "top_k_retrieve": 200, "top_n_final": 10}).encode()


def application():
    """The application and a route beside its own that only reads the same body."""
    from app import app, RecommendRequest
    from fastapi import Response

    @app.post("/empty")
    async def empty(wish: RecommendRequest):
        return Response("{}", media_type="application/json")
    app.router.routes.insert(0, app.router.routes.pop())
    return app


class Client:
    """HTTP by hand, so that a client takes as little of the processor as it may."""
    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(BODY)}\r\n\r\n").encode() + BODY

    def ask(self):
        self.socket.sendall(self.request)
        data = self.socket.recv(65536)
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self.socket.recv(65536)
        assert head.startswith(b"HTTP/1.1 200"), head
        return body


def serve(port, workers):
    server = subprocess.Popen([
        sys.executable, "-c", "import app, sys; app.serve(*sys.argv[1:])", "speed:application", HERE, "--factory",
        "--port", str(port), "--no-access-log", "--log-level", "warning", "--workers", str(workers)],
        env={**os.environ, "PYTHONPATH": WEB})
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/api")
            if connection.getresponse().status == 200:
                return server
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("speed.py: the server did not start")


class Statement:
    """recommend() as a client of the database would send it, by libpq and nothing else."""
    def __init__(self):
        self.connection = psycopg.connect(os.environ.get("DATABASE_URL", ""), autocommit=True)

    def ask(self):
        result = self.connection.pgconn.exec_(b"SELECT * FROM recommend(1, 200, 10)")
        assert result.ntuples == 10


def medians(port, rounds=10, each=60):
    """Milliseconds of the statement, the empty route and the other, one client, by turns."""
    clients = (Statement(), Client(port, "/empty"), Client(port, "/recommend"))
    times = [[] for _ in clients]
    for _ in range(rounds):
        for client, taken in zip(clients, times):
            for _ in range(each):
                began = time.perf_counter()
                client.ask()
                taken.append((time.perf_counter() - began) * 1000)
    return map(statistics.median, times)


def hammer(port, path, seconds, done):
    client, end, n = Client(port, path), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        client.ask()
        n += 1
    with done.get_lock():
        done.value += n


def rate(port, path, clients=4, seconds=2):
    """Requests per second of so many clients."""
    done = multiprocessing.Value("i", 0)
    crowd = [multiprocessing.Process(target=hammer, args=(port, path, seconds, done)) for _ in range(clients)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    return done.value / seconds


def main():
    port = int(os.environ.get("SPEED_PORT", "8765"))
    server = serve(port, 1)
    try:
        Client(port, "/recommend").ask()
        sql, empty, recommend = medians(port)
    finally:
        server.terminate()
        server.wait()
    print(f"one client, median: recommend() as a statement {sql:.2f} ms, empty POST {empty:.2f} ms, "
          f"POST /recommend {recommend:.2f} ms, which is empty + {(recommend - empty) / sql:.2f} statements")
    server = serve(port, 2)
    try:
        rates = [[rate(port, path) for path in ("/empty", "/recommend")] for _ in range(3)]
    finally:
        server.terminate()
        server.wait()
    empty, recommend = (max(turn) for turn in zip(*rates))
    print(f"4 clients, 2 workers: empty POST {empty:.0f}/s, POST /recommend {recommend:.0f}/s: {recommend / empty:.2f}")


if __name__ == "__main__":
    main()
