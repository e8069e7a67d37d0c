"""service.py: what the tests of src/web share: the database, and the service as a process."""
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

import psycopg

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
WEB = os.path.join(TOP, "src/web")
DATABASE = "mlrec_web"
SECRET = "a secret of thirty-two characters"
os.environ["DATABASE_URL"] = f"host={os.environ['PGHOST']} user=postgres dbname={DATABASE}"


def sql(statement, *values, dbname=DATABASE):
    """Run it as the superuser; returns the rows if there are any."""
    with psycopg.connect(dbname=dbname, autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else None


def install():
    """Run api.sql, as make web-install does."""
    subprocess.run(["make", "-s", "-C", TOP, "--no-print-directory", "web-install"], check=True,
                   stderr=subprocess.DEVNULL)


def prepare():
    """A database with the sample and a hasty model."""
    if sql("SELECT 1 FROM pg_database WHERE datname = %s", DATABASE, dbname="postgres"):
        return
    sql(f"CREATE DATABASE {DATABASE}", dbname="postgres")
    sql("CREATE EXTENSION mlrec")
    sql("SELECT load_movielens(%s)", os.environ["MLREC_SAMPLE"])
    sql("SET client_min_messages = warning; SELECT train_recommender(ranking_epochs => 4)")
    install()


def server(action):
    """Stop, start or restart the database server."""
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*user, os.environ["MLREC_PG_CTL"], "-D", os.environ["MLREC_DATA"], "-m", "fast", "-s", "-w",
                    "-l", os.environ["PGHOST"] + "/log", action], check=True, cwd="/", stdout=subprocess.DEVNULL)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Service:
    """The service, as `python3 app.py` starts it, with these settings."""
    def __init__(self, port=None, **settings):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(WEB, "app.py"), "--port", str(self.port), "--no-access-log",
             "--log-level", "error"], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **settings}, stderr=self.log)
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the service did not start: {self.complaints()}")

    def complaints(self):
        """What the service has written to its log."""
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def send(self, data, wait=True):
        """Bytes that need not be HTTP, and the first that come back."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.settimeout(30)
            connection.sendall(data)
            return connection.recv(65536) if wait else b""

    def ask(self, path, body=None, method=None, **headers):
        """(status, what came: parsed if it is JSON, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection.request(method or ("GET" if body is None else "POST"), path, body,
                           {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        is_json = answer.getheader("content-type", "").startswith("application/json")
        return answer.status, json.loads(text) if is_json and text else text, dict(answer.getheaders())
