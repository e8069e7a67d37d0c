"""test_api.py: what the routes promise."""
import json
import math
import os
import subprocess
import threading
import time
import unittest

from service import HERE, SECRET, WEB, Service, install, prepare, server, sql


def shape(value):
    """The kinds of values that a JSON text is made of; of a list, those of its first element."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return {bool: "boolean", int: "number", float: "number", str: "string"}.get(type(value), "null")


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        prepare()
        cls.service = Service(MLREC_WEB_WRITE="1")

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()

    def ok(self, path, body=None, **headers):
        status, answer, _ = self.service.ask(path, body, **headers)
        self.assertEqual(status, 200, answer)
        return answer

    def wait_until_ok(self):
        """The answer of a service that is busy, or without a database, for a while."""
        for _ in range(100):
            status, answer, _ = self.service.ask("/recommend", {"user_id": 1})
            if status == 200:
                break
            time.sleep(0.2)
        self.assertEqual(status, 200, answer)
        return answer

    def refused(self, status, field, path, body=None, **headers):
        """The answer has this status, and for a 422 it names the field."""
        got, answer, _ = self.service.ask(path, body, **headers)
        self.assertEqual(got, status, answer)
        if status == 422:
            self.assertIn(field, [name for error in answer["detail"] for name in error["loc"]])
        else:
            self.assertIsInstance(answer["detail"], str)
            self.assertNotIn("Traceback", json.dumps(answer))
        return answer

    def test_shapes(self):
        with open(os.path.join(HERE, "shapes.json")) as stored:
            shapes = json.load(stored)
        for request, expected in shapes.items():
            path, _, body = request.partition(" ")
            with self.subTest(request):
                self.assertEqual(shape(self.ok(path, json.loads(body) if body else None)), expected)

    def test_values_are_those_of_the_functions(self):
        rows = sql("SELECT rank, movie_id, title, genres, year, ranking_score, retrieval_score FROM recommend(7, 150, 8)")
        answer = self.ok("/recommend", {"user_id": 7, "top_k_retrieve": 150, "top_n_final": 8})
        names = ["rank", "movie_id", "title", "genres", "year", "ranking_score", "retrieval_score"]
        self.assertEqual([[movie[name] for name in names] for movie in answer["recommendations"]],
                         [list(row) for row in rows])
        self.assertEqual(list(answer), ["user_id", "gender", "age", "occupation", "recommendations"])
        self.assertEqual(self.ok("/stats")["total_ratings"], sql("SELECT count(*) FROM ratings")[0][0])
        best = self.ok("/user/7")["best_rated"]
        self.assertEqual([movie["rating"] for movie in best], sorted((movie["rating"] for movie in best), reverse=True))
        self.assertEqual(best[0]["rating"], sql("SELECT max(rating) FROM ratings WHERE user_id = 7")[0][0])

    def test_options(self):
        ask = lambda **options: [movie["movie_id"] for movie in self.ok("/recommend", {
            "user_id": 7, "top_n_final": 12, **options})["recommendations"]]
        given = {"candidates": [1, 2, 3, 4, 5, 6, 7, 8, 9], "exclude": [2, 4], "exclude_seen": False}
        expected = sql("SELECT array_agg(movie_id ORDER BY rank) FROM recommend(7, 200, 12, candidates => %s, "
                       "exclude => %s, exclude_seen => false, order_by => 'relevance', diversity => 0.5)",
                       given["candidates"], given["exclude"])[0][0]
        self.assertEqual(ask(**given, order_by="relevance", diversity=0.5), expected)
        self.assertNotEqual(ask(), ask(order_by="relevance"))
        self.assertEqual(ask(candidates=[]), [])
        self.assertEqual(ask(candidates=None, exclude=None), ask())

    def test_defaults_are_declared_as_they_are(self):
        declared = self.ok("/openapi.json")["components"]["schemas"]["RecommendRequest"]["properties"]
        everything = {name: value["default"] for name, value in declared.items() if value.get("default") is not None}
        self.assertEqual(set(everything), {"top_k_retrieve", "top_n_final", "order_by", "diversity", "exclude_seen"})
        self.assertEqual(self.ok("/recommend", {"user_id": 5, **everything}), self.ok("/recommend", {"user_id": 5}))

    def test_unknown(self):
        self.assertIn("777777", self.refused(404, None, "/user/777777")["detail"])
        self.assertIn("777777", self.refused(404, None, "/movie/777777")["detail"])
        self.refused(404, None, "/nowhere")
        answer = self.refused(400, None, "/movie/777777/similar")
        self.assertEqual((answer["detail"], answer["code"]), ("movie 777777 is unknown", "22023"))
        self.assertTrue(answer["hint"])
        self.assertEqual(len(self.ok("/recommend", {"user_id": 777777})["recommendations"]), 10)

    def test_bad_input_is_named(self):
        for bad in ("1;drop%20table%20ratings", str(2**63), "-1", "%C3%A9", "1.5", "0x1", "%00"):
            self.refused(422, "user_id", f"/user/{bad}")
            self.refused(422, "movie_id", f"/movie/{bad}")
        for bad in ("1;drop table ratings", 2**63, -1, "é", 1.5, True, None, [1], {}, "1", 1e300):
            self.refused(422, "user_id", "/recommend", {"user_id": bad})
        for field, values in {"top_k_retrieve": (0, 10001, "x"), "top_n_final": (-1, 1001), "diversity": (-0.1, 1.1, "x"),
                              "order_by": ("", "rating; --", 3), "exclude_seen": ("perhaps",), "other": (1,),
                              "candidates": ([0] * 2001, ["x"], 7), "exclude": ([-1], [2**63])}.items():
            for value in values:
                self.refused(422, field, "/recommend", {"user_id": 1, field: value})
        as_json = {"Content_Type": "application/json"}
        for value in (b"NaN", b"-Infinity", b"1e999", b"[]", b'"\\ud800"'):
            self.refused(422, "diversity", "/recommend", b'{"user_id": 1, "diversity": %s}' % value, **as_json)
        self.assertEqual(len(self.ok("/recommend", {"user_id": 1, "diversity": 1e-320})["recommendations"]), 10)
        self.refused(422, "candidates", "/recommend", {"user_id": 1, "candidates": [1, None]})
        self.refused(422, "n", "/movie/1/similar?n=0")
        self.refused(422, "body", "/recommend", b"")
        self.refused(422, "body", "/recommend", b'{"user_id": 1' + b" " * 66000 + b"}", **as_json)
        for body in (b"{", b"[" * 60000, b"\xff", b"null", b"[]", b'"x"', b"\0", b'{"user_id": ' + b"9" * 5000 + b"}",
                     b'{"user_id": 1, "\\ud800": 2}'):
            status, answer, _ = self.service.ask("/recommend", body, **as_json)
            self.assertIn(status, (400, 422), answer)
        for kind in ("text/plain", "multipart/form-data", "a/b/c", ';="'):
            self.refused(422, "body", "/recommend", b'{"user_id": 1}', Content_Type=kind)
        self.assertEqual(sql("SELECT count(*) > 40000 FROM ratings")[0][0], True)

    def test_odd_requests(self):
        """What no browser sends: an answer all the same, and no traceback in the service's log."""
        for path in ("/page/%00", "/page/" + "a" * 300, "/page/" + "%F0%9F%98%80" * 100, "/page/..%2fapp.py", "/page/..",
                     "/page", "/page/", "/api/", "/%00", "/swagger-ui/x", "//", "/user/", "/movie/1/similar/"):
            with self.subTest(path):
                self.refused(404, None, path)
        for method in ("OPTIONS", "PUT", "DELETE", "TRACE", "FOO"):
            self.refused(405, None, "/recommend", method=method)
        for path in ("/", "/api", "/user/1", "/docs", "/page/page.js"):
            status, body, headers = self.service.ask(path, method="HEAD")
            self.assertEqual((status, body), (200, ""))
            self.assertGreater(int(headers["content-length"]), 0)
        post, chunk = b"POST /recommend HTTP/1.1\r\nHost: x\r\n", b'e\r\n{"user_id": 1}\r\n0\r\n\r\n'
        for status, request in (
                (b"422", post + b"Transfer-Encoding: chunked\r\n\r\n" + chunk),
                (b"422", post + b"Content-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk),
                (b"422", post + b"Content-Length: 10000000\r\n\r\n" + b"x" * 10000000),
                (b"400", post + b"Content-Length: -1\r\n\r\n"), (b"400", b"\x16\x03\x01\x02\0\x01\0"),
                (b"404", b"GET /api/ HTTP/1.1\r\nHost: [\r\n\r\n"),
                (b"40", b"GET /page/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")):
            with self.subTest(request[:100]):
                self.assertIn(b"HTTP/1.1 " + status, self.service.send(request))
        for turn in range(60):  # gone before the body is there, or before the answer is
            self.service.send(post + b'Content-Length: 14\r\n\r\n{"user_id": 1}'[:-1 - turn % 2 * 8], wait=False)
            self.service.send(b"GET /explore HTTP/1.1\r\nHost: x\r\n\r\n", wait=False)
        self.wait_until_ok()
        self.assertNotIn("Traceback", self.service.complaints())

    def test_one_read_only_transaction_with_role_and_claims(self):
        sql("CREATE OR REPLACE FUNCTION mlrec_api.health() RETURNS json LANGUAGE sql AS $$ SELECT json_build_object("
            "'status', 'ok', 'read_only', current_setting('transaction_read_only'), 'role', current_user, "
            "'timeout', current_setting('statement_timeout'), 'claims', current_setting('request.jwt.claims')::json) $$")
        try:
            self.assertEqual(self.ok("/api"), {"status": "ok", "read_only": "on", "role": "mlrec_web", "timeout": "5s",
                                               "claims": {"role": "mlrec_web"}})
            # It was SET LOCAL: the next statement of the session knows nothing of it.
            left = sql("SELECT usename FROM pg_stat_activity WHERE datname = 'mlrec_web' AND state LIKE 'idle in%'")
            self.assertEqual(left, [])
            sql("CREATE OR REPLACE FUNCTION mlrec_api.health() RETURNS json LANGUAGE plpgsql AS $$ BEGIN "
                "DELETE FROM ratings; RETURN '{}'; END $$")
            self.assertEqual(self.service.ask("/api")[0], 503)
        finally:
            install()

    def test_the_role_may_read_and_nothing_else(self):
        may = lambda statement: self.as_role("mlrec_web", statement)
        self.assertTrue(may("SELECT count(*) FROM ratings"))
        for statement in ("INSERT INTO ratings SELECT * FROM ratings LIMIT 1", "DELETE FROM movies", "UPDATE users SET age = 1",
                          "SELECT * FROM mlrec_model", "SELECT train_recommender()", "CREATE TABLE mlrec_api.x ()",
                          "SELECT mlrec_api.rate(1000000000, 1, 5)", "SELECT drop_recommender(1)"):
            with self.assertRaises(Exception, msg=statement) as caught:
                may(statement)
            self.assertEqual(caught.exception.sqlstate, "42501", statement)
        self.assertEqual(sql("SELECT rolcanlogin FROM pg_roles WHERE rolname LIKE 'mlrec_web%'"), [(False,), (False,)])
        self.assertEqual(sql("SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'mlrec_api'::regnamespace "
                             "AND obj_description(p.oid) IS NULL"), [])

    def as_role(self, role, statement):
        import psycopg
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute(f"SET ROLE {role}")
            return connection.execute(statement).fetchall()

    def test_403_where_the_role_may_not_read(self):
        sql("REVOKE SELECT ON ratings FROM mlrec_web")
        try:
            answer = self.refused(403, None, "/recommend", {"user_id": 1})
            self.assertIn("permission denied", answer["detail"])
        finally:
            sql("GRANT SELECT ON ratings TO mlrec_web")
        self.ok("/recommend", {"user_id": 1})

    def test_no_model_is_503_with_the_hint(self):
        sql("UPDATE mlrec_model SET active = false")
        try:
            status, answer, _ = self.service.ask("/api")
            self.assertEqual((status, answer["status"]), (503, "no model"))
            answer = self.refused(503, None, "/recommend", {"user_id": 1})
            self.assertEqual(answer["detail"], "no recommender model is active")
            self.assertIn("train_recommender", answer["hint"])
            self.ok("/stats")
            self.assertEqual(self.ok("/explore"), {"ratings": [], "genres": [], "demographics": [], "training": []})
        finally:
            sql("UPDATE mlrec_model SET active = true")
        self.ok("/api")

    def test_503_while_something_is_missing(self):
        """Each renamed and named back: every route answers, and none with a 500 or a 400."""
        requests = [("/api", None), ("/stats", None), ("/user/1", None), ("/movie/1", None), ("/movie/1/similar", None),
                    ("/explore", None), ("/recommend", {"user_id": 1}), ("/user/1/why/1", None)]
        for kind, name in (("TABLE", "ratings"), ("TABLE", "movies"), ("TABLE", "users"), ("ROLE", "mlrec_web"),
                           ("SCHEMA", "mlrec_api")):
            sql(f"ALTER {kind} {name} RENAME TO elsewhere")
            try:
                for path, body in requests:
                    with self.subTest(f"{name} {path}"):
                        status, answer, _ = self.service.ask(path, body)
                        self.assertEqual(status, 503, answer)
                        self.assertTrue(answer["detail"])
            finally:
                sql(f"ALTER {kind} elsewhere RENAME TO {name}")
        self.assertEqual([self.service.ask(*request)[0] for request in requests], [200] * len(requests))
        self.assertNotIn("Traceback", self.service.complaints())

    def test_a_model_that_comes_and_goes(self):
        statuses, done = set(), threading.Event()

        def client():
            while not done.is_set():
                statuses.update(self.service.ask(path, body)[0] for path, body in (
                    ("/recommend", {"user_id": 1}), ("/movie/1/similar", None), ("/stats", None), ("/explore", None)))
        clients = [threading.Thread(target=client) for _ in range(3)]
        for each in clients:
            each.start()
        try:
            for turn in range(20):
                sql("UPDATE mlrec_model SET active = %s", turn % 2 == 1)
                time.sleep(0.05)
        finally:
            done.set()
            for each in clients:
                each.join()
        self.assertEqual(statuses, {200, 503})
        self.ok("/recommend", {"user_id": 1})

    def test_without_the_database_or_the_extension(self):
        for name, detail in (("postgres", "mlrec_"), ("nowhere", "cannot be reached")):
            service = Service(DATABASE_URL=f"host={os.environ['PGHOST']} user=postgres dbname={name}")
            try:
                for path, body in (("/api", None), ("/recommend", {"user_id": 1})):
                    status, answer, _ = service.ask(path, body)
                    self.assertEqual((status, detail in answer["detail"]), (503, True), answer)
            finally:
                service.stop()

    def test_ratings_without_time_or_value(self):
        for column, best in (("rated_at", 10), ("rating", 0)):
            sql(f"ALTER TABLE ratings RENAME {column} TO elsewhere")
            try:
                self.assertEqual(len(self.ok("/user/7")["best_rated"]), best)
            finally:
                sql(f"ALTER TABLE ratings RENAME elsewhere TO {column}")

    def test_tokens_and_row_security(self):
        try:
            import jwt
        except ImportError:
            self.skipTest("python3-jwt is not here")
        token = lambda secret=SECRET, **claims: "Bearer " + jwt.encode(claims, secret, "HS256")
        self.refused(401, None, "/stats", Authorization=token(sub="1"))  # this one takes no tokens
        self.refused(401, None, "/stats", Authorization=token(secret="x" * 32, sub="1"))
        service = Service(MLREC_WEB_JWT_SECRET=SECRET)
        sql("CREATE POLICY own ON ratings USING (user_id = coalesce((current_setting('request.jwt.claims', true)::json"
            "->>'sub')::bigint, 0)); ALTER TABLE ratings ENABLE ROW LEVEL SECURITY")
        try:
            mine = sql("SELECT count(*) FROM ratings WHERE user_id = 3")[0][0]
            ratings = lambda **headers: service.ask("/user/3", **headers)[1]["ratings"]
            self.assertEqual(ratings(), 0)
            self.assertEqual(ratings(Authorization=token(sub="3")), mine)
            self.assertEqual(ratings(Authorization=token(sub="4")), 0)
            self.assertEqual(service.ask("/stats", Authorization=token(secret="y" * 32, sub="3"))[0], 401)
            self.assertEqual(service.ask("/stats", Authorization=token(sub="3", exp=1))[0], 401)
            self.assertEqual(service.ask("/stats", Authorization="Bearer " + jwt.encode({"sub": "3"}, None, "none"))[0], 401)
            self.assertEqual(service.ask("/stats", Authorization=token(role="pg_monitor"))[0], 403)
            self.assertEqual(service.ask("/stats", Authorization=token(role="nobody; RESET ROLE"))[0], 503)
            for nobody in (None, "none", 5, ["mlrec_web"], "\0", "\ud800"):  # two of them would be the service's user
                self.assertEqual(service.ask("/stats", Authorization=token(role=nobody))[0], 401, nobody)
            self.assertEqual(service.ask("/stats", Authorization=token(sub="\ud800"))[0], 400)
            self.assertEqual(service.ask("/stats", Authorization="Bearer \xff." + "a." * 20000)[0], 401)
        finally:
            service.stop()
            sql("ALTER TABLE ratings DISABLE ROW LEVEL SECURITY; DROP POLICY own ON ratings")

    def test_a_guest_rates(self):
        guest, movies = 1000000007, [movie["movie_id"] for movie in self.ok("/recommend", {"user_id": 1000000007})["recommendations"]]
        try:
            self.assertEqual(self.ok("/rate", {"user_id": guest, "movie_id": movies[0], "rating": 1}),
                             {"user_id": guest, "movie_id": movies[0], "rating": 1})
            self.ok("/rate", {"user_id": guest, "movie_id": movies[0], "rating": 4.5})
            self.assertEqual(sql("SELECT movie_id, rating FROM ratings WHERE user_id = %s", guest), [(movies[0], 4.5)])
            after = [movie["movie_id"] for movie in self.ok("/recommend", {"user_id": guest})["recommendations"]]
            self.assertNotIn(movies[0], after)
            self.assertEqual(self.ok(f"/user/{guest}")["ratings"], 1)
            self.refused(422, "user_id", "/rate", {"user_id": 1, "movie_id": 1, "rating": 5})
            self.refused(422, "rating", "/rate", {"user_id": guest, "movie_id": 1, "rating": 6})
            self.refused(422, "rating", "/rate", b'{"user_id": 1000000007, "movie_id": 1, "rating": NaN}',
                         Content_Type="application/json")
            self.refused(404, None, "/rate", {"user_id": guest, "movie_id": 777777, "rating": 5})
            crowd = [threading.Thread(target=self.ok, args=("/rate", {
                "user_id": guest, "movie_id": movies[1], "rating": value})) for value in (1, 2, 3, 4) * 4]
            for each in crowd:
                each.start()
            for each in crowd:
                each.join()
            self.assertEqual(sql("SELECT count(*) FROM ratings WHERE user_id = %s", guest), [(2,)])
        finally:
            sql("DELETE FROM ratings WHERE user_id = %s", guest)
        with self.assertRaises(Exception) as caught:
            self.as_role("mlrec_web_rate", "SELECT mlrec_api.rate(1, 1, 5)")
        self.assertEqual(caught.exception.sqlstate, "42501")

    def test_time_limit_and_writes_are_settings(self):
        service = Service(MLREC_WEB_TIMEOUT="1")
        try:
            status, answer, _ = service.ask("/explore")
            self.assertEqual((status, answer["code"]), (503, "57014"))
            self.assertEqual(service.ask("/rate", {"user_id": 10**9, "movie_id": 1, "rating": 5})[0], 404)
            self.assertNotIn("/rate", service.ask("/openapi.json")[1]["paths"])
        finally:
            service.stop()

    def test_page_or_health(self):
        status, page, headers = self.service.ask("/", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
        self.assertEqual((status, page[:15], headers["vary"]), (200, "<!doctype html>", "Accept"))
        self.assertEqual(self.service.ask("/")[1][:15], "<!doctype html>")
        self.assertEqual(self.ok("/", Accept="application/json")["status"], "ok")

    def test_documentation_is_complete(self):
        described = self.ok("/openapi.json")
        for path, operations in described["paths"].items():
            for method, operation in operations.items():
                with self.subTest(f"{method} {path}"):
                    self.assertTrue(operation["description"])
                    self.assertLessEqual({"200", "401", "403", "503"}, set(operation["responses"]))
                    for status, answer in operation["responses"].items():
                        if status != "422":
                            self.assertIn("example", answer["content"]["application/json"])
        for path in ("/recommend", "/rate"):
            self.assertIn("example", described["paths"][path]["post"]["requestBody"]["content"]["application/json"])

    def test_examples_are_as_answers(self):
        """The documentation's types are made of them."""
        named = lambda value: {name: named(part) for name, part in value.items()} if isinstance(value, dict) else \
            [named(part) for part in value[:1]] if isinstance(value, list) else None
        with open(os.path.join(HERE, "shapes.json")) as shapes, open(os.path.join(WEB, "examples.json")) as examples:
            shown = [named(about.get("answer")) for about in json.load(examples).values()]
            for request, expected in json.load(shapes).items():
                with self.subTest(request):
                    self.assertIn(named(expected), shown)

    def test_two_clients_at_once(self):
        wrong = []

        def client(user):
            for _ in range(60):
                answer = self.service.ask("/recommend", {"user_id": user, "top_n_final": 3})[1]
                if answer != expected[user]:
                    wrong.append(answer)
        expected = {user: self.ok("/recommend", {"user_id": user, "top_n_final": 3}) for user in (11, 12)}
        self.assertNotEqual(expected[11], expected[12])
        clients = [threading.Thread(target=client, args=(user,)) for user in expected]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        self.assertEqual(wrong, [])

    def test_two_hundred_requests_a_second(self):
        """2,000 requests of what a page asks, due within 10 seconds, by 8 clients; a slow machine takes longer."""
        paths = [("/", None), ("/stats", None), ("/user/{}", None), ("/page/page.js", None),
                 ("/recommend", {"top_n_final": 10})] + [("/recommend", {"top_n_final": 20})] * 5
        failed, began = [], time.monotonic()

        def client(number):
            for turn in range(250):
                due = began + (turn * 8 + number) / 200
                time.sleep(max(0, due - time.monotonic()))
                path, body = paths[(turn + number) % len(paths)]
                user = 1 + (turn * 8 + number) % 600
                status, answer, _ = self.service.ask(path.format(user), body and {"user_id": user, **body})
                if status != 200:
                    failed.append((path, status, answer))
        clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        self.assertEqual(failed, [])
        print(f"    2000 requests in {time.monotonic() - began:.1f} s")

    def test_the_database_goes_and_comes_back(self):
        ask = lambda: self.service.ask("/recommend", {"user_id": 1})
        before = ask()[1]
        server("restart")
        self.assertEqual(ask()[1], before)  # at the first try
        server("stop")
        try:
            status, answer, _ = self.service.ask("/api")
            self.assertEqual((status, answer["detail"]), (503, "the database cannot be reached, or is too busy"))
            self.refused(503, None, "/recommend", {"user_id": 1})
        finally:
            server("start")
        self.assertEqual(self.wait_until_ok(), before)


class Install(unittest.TestCase):
    def test_refused_without_the_extension(self):
        prepare()
        result = subprocess.run(["psql", "-X", "-q", "-f", os.path.join(WEB, "api.sql"), "postgres"],
                                capture_output=True, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn('the extension mlrec is not in database "postgres"', result.stderr)
