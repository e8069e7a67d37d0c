"""app.py: mlrec over HTTP, a thin front before the functions of schema mlrec_api (api.sql).

A request is one READ ONLY transaction as role mlrec_web, with a time limit and the caller's claims, and one message,
sent without psycopg's cursors: README.md says why.  What the documentation tells of an answer is in examples.json.
"""
import json, os, socket, sys  # noqa: E401
from pathlib import Path as File
from typing import Any, List, Literal, Optional

import uvicorn
from fastapi import Body, FastAPI, HTTPException, Query, Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from psycopg import DataError, Error, IntegrityError, OperationalError, adapt, errors, generators, pq
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, Field, conint, create_model

HERE, ENV = File(__file__).parent, os.environ
TIMEOUT, SECRET = int(ENV.get("MLREC_WEB_TIMEOUT", 5000)), ENV.get("MLREC_WEB_JWT_SECRET") or None
MAX_BODY, MAX_ID, EXAMPLES = 65536, 2**63 - 1, json.loads((HERE / "examples.json").read_text())

within = lambda least, most: conint(strict=True, ge=least, le=most)
class RecommendRequest(BaseModel, extra="forbid"):
    user_id: within(0, MAX_ID) = Field(..., description="anybody, with ratings or without")
    top_k_retrieve: within(1, 10000) = Field(200, description="candidates, by the cosine")
    top_n_final: within(0, 1000) = Field(10, description="how many of them to return")
    order_by: Literal["rating", "relevance"] = Field("rating", description="taste, or what is likely next")
    diversity: float = Field(0, ge=0, le=1, description="how much movies must differ")
    exclude_seen: bool = Field(True, description="leave out what the user has rated")
    candidates: Optional[List[within(0, MAX_ID)]] = Field(None, max_items=2000, description="only these")
    exclude: Optional[List[within(0, MAX_ID)]] = Field(None, max_items=2000, description="not these")

class RateRequest(BaseModel, extra="forbid"):
    user_id: within(10**9, MAX_ID) = Field(..., description="a guest")
    movie_id: within(0, MAX_ID)
    rating: float = Field(..., ge=0.5, le=5)

A_USER, A_MOVIE = (params.Path(..., ge=0, le=MAX_ID, example=1) for _ in range(2))

def typed(name, value):
    """The type that an example is of.  Any part may be null."""
    if isinstance(value, list):
        return List[typed(name, value[0])]
    if isinstance(value, dict):
        return create_model(name, **{key: (typed(name + key.title(), part), ...) for key, part in value.items()})
    return Any if value is None else Optional[type(value)]

def answers(name, *codes):
    """What a route is for and returns, and what when there is an error, with an example of each."""
    about, example = EXAMPLES[name], lambda value: {"content": {"application/json": {"example": value}}}
    told = {code: {"model": Problem, **example(EXAMPLES["errors"][str(code)])} for code in (401, 403, *codes, 503)}
    return {"description": about["description"], "response_model": typed(name.title(), about["answer"]),
            "responses": {200: example(about["answer"]), **told}}

Problem = typed("Problem", EXAMPLES["errors"]["400"])
pool = AsyncConnectionPool(
    ENV.get("DATABASE_URL", ""), min_size=1, max_size=int(ENV.get("MLREC_WEB_POOL", 4)), open=False, timeout=3,
    reconnect_timeout=5, kwargs={"autocommit": True, "client_encoding": "utf8"})
app = FastAPI(title="mlrec", description="A two-stage recommender inside PostgreSQL, over HTTP.",
              docs_url=None, redoc_url=None, on_startup=[pool.open], on_shutdown=[pool.close])
app.openapi_version, app.router.redirect_slashes = "3.0.3", False  # what any Swagger UI reads; none, to a client's Host
def claims(request):
    """The claims of the caller's token; without one the role alone, as PostgREST has it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return {"role": "mlrec_web"}
    try:
        import jwt
        found = {"role": "mlrec_web", **jwt.decode(token, SECRET, ["HS256"], {"verify_aud": False})}
        if not isinstance(found["role"], str) or found["role"] == "none" or not found["role"].isprintable():
            raise ValueError("the claim role names no role")  # null and none would be those of the service's own user
        return found
    except Exception as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None

async def fetch(query, values):
    """What the last statement of a query returns, as bytes; values are quoted as psycopg's cursors do it."""
    for retry in (True, False):
        connection = await pool.getconn()
        try:
            connection.pgconn.send_query(query % tuple(map(adapt.Transformer(connection).as_literal, values)))
            *settings, result = await connection.wait(generators.execute(connection.pgconn))
            if result.status != pq.ExecStatus.TUPLES_OK:
                raise errors.error_from_result(result) if settings else OperationalError(info=result)
            return result.get_value(0, 0)
        except OperationalError:  # a restart of the server breaks all connections, which only using them tells
            if not (connection.broken and retry):
                raise
            await pool.check()
        finally:
            await pool.putconn(connection)

async def ask(request, function, arguments={}, *, role=None, read_only="on", keep=0):
    """Call a function of mlrec_api; respond with the json that it returns, or 404 for a null."""
    caller = claims(request)
    # Two statements in one message are one transaction, and set_config(..., true) is SET LOCAL.
    text = await fetch(
        f"SELECT set_config('transaction_read_only', '{read_only}', true), set_config('role', %s, true), "
        f"set_config('statement_timeout', '{TIMEOUT}', true), set_config('request.jwt.claims', %s, true); "
        f"SELECT mlrec_api.{function}({', '.join([f'{name} => %s' for name in arguments])})::text".encode(),
        (role or caller["role"], json.dumps(caller), *arguments.values()))
    if text is None:
        raise HTTPException(404, ", ".join(map("%s %s".__mod__, arguments.items())) + " is unknown")
    return Response(text, 200, {"Cache-Control": f"private, max-age={keep}"} if keep else None, "application/json")

def refusal(status, detail, **more):
    return Response(json.dumps({"detail": detail, **more}), status, media_type="application/json")

@app.exception_handler(Error)
async def problem(request, error):
    said, refused = error.diag, isinstance(error, (DataError, IntegrityError))
    status = {"42501": 403, "P0002": 404}.get(said.sqlstate, 400 if refused else 503)
    return refusal(status, said.message_primary or "the database cannot be reached, or is too busy",
                   hint=said.message_hint, code=said.sqlstate)

@app.exception_handler(RequestValidationError)
async def invalid(request, error):
    """Which field is wrong and why, without what was sent: that may be no JSON, as NaN."""
    return refusal(422, [{name: wrong[name] for name in ("loc", "msg", "type")} for wrong in error.errors()])

def bounded(app):
    """Refuses bodies that are too long, or do not say how long, before they are read.  Takes HEAD for GET."""
    too_long = refusal(422, [{"loc": ["body"], "msg": f"declare a length up to {MAX_BODY}", "type": "too_long"}])
    async def call(scope, receive, send):
        method, headers = scope.get("method"), dict(scope.get("headers", ()))
        fits = b"transfer-encoding" not in headers and int(headers.get(b"content-length", MAX_BODY + 1)) <= MAX_BODY
        answer = app if fits or method != "POST" else too_long
        await answer({**scope, "method": "GET"} if method == "HEAD" else scope, receive, send)
    return call
app.add_middleware(bounded)

@app.post("/recommend", **answers("recommend", 400))
async def recommend(request: Request, wish: RecommendRequest = Body(..., example=EXAMPLES["recommend"]["request"])):
    return await ask(request, "recommend", {name: value for name, value in wish if name in wish.__fields_set__})

@app.get("/api", **answers("health"))
async def health(request: Request):
    answer = await ask(request, "health")
    answer.status_code = 200 if json.loads(answer.body)["status"] == "ok" else 503
    return answer

@app.get("/stats", **answers("stats"))
async def stats(request: Request):
    return await ask(request, "stats")

@app.get("/user/{user_id}", **answers("user", 404))
async def user(request: Request, user_id: int = A_USER):
    return await ask(request, "user_profile", {"user_id": user_id})

@app.get("/movie/{movie_id}", **answers("movie", 404))
async def movie(request: Request, movie_id: int = A_MOVIE):
    return await ask(request, "movie_details", {"movie_id": movie_id})

@app.get("/movie/{movie_id}/similar", **answers("similar", 400))
async def similar(request: Request, movie_id: int = A_MOVIE, n: int = Query(10, ge=1, le=100)):
    return await ask(request, "similar_movies", {"movie_id": movie_id, "n": n})

@app.get("/user/{user_id}/why/{movie_id}", **answers("why", 400))
async def why(request: Request, user_id: int = A_USER, movie_id: int = A_MOVIE):
    return await ask(request, "explain", {"user_id": user_id, "movie_id": movie_id})

@app.get("/explore", **answers("explore"))
async def explore(request: Request):
    return await ask(request, "explore", keep=60)

if ENV.get("MLREC_WEB_WRITE") == "1":
    @app.post("/rate", **answers("rate", 404))
    async def rate(request: Request, wish: RateRequest = Body(..., example=EXAMPLES["rate"]["request"])):
        return await ask(request, "rate", dict(wish), role="mlrec_web_rate", read_only="off")

app.get("/docs", include_in_schema=False)(lambda: get_swagger_ui_html(
    openapi_url="openapi.json", title="mlrec over HTTP", swagger_js_url="swagger-ui/swagger-ui-bundle.js",
    swagger_css_url="swagger-ui/swagger-ui.css", swagger_favicon_url="page/icon.svg"))

@app.get("/", include_in_schema=False)
async def page(request: Request):
    if request.headers.get("accept", "").startswith("application/json"):
        return await health(request)
    return FileResponse(HERE / "index.html", headers={"Vary": "Accept"})

FOLDERS = {"page": HERE / "page", "swagger-ui": File(ENV.get("MLREC_WEB_DOCS", HERE / "../../build/web/swagger-ui"))}
@app.get("/{folder}/{name}", include_in_schema=False)
async def file(request: Request, folder: str, name: str):
    if folder not in FOLDERS or FOLDERS[folder] / name not in FOLDERS[folder].glob("*"):
        raise HTTPException(404)
    return await StaticFiles(directory=FOLDERS[folder]).get_response(name, request.scope)

def serve(application, app_dir, *options):
    """The command of uvicorn, with TCP_NODELAY on the socket that workers share: README.md says why."""
    def bind_socket(config, bind=uvicorn.Config.bind_socket):
        listener = bind(config)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    uvicorn.Config.bind_socket = bind_socket
    uvicorn.main([application, "--app-dir", str(app_dir), "--ws", "none", *options])

if __name__ == "__main__":
    serve("app:app", HERE, *sys.argv[1:])
