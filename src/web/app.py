"""app.py: mlrec over HTTP, a thin front before the functions of schema mlrec_api (api.sql).

A request is one READ ONLY transaction as role mlrec_web, with a time limit and the caller's claims; what the
function returns is the answer.  It is one message, sent by psycopg without its cursors: README.md says why.
"""
import json, os, socket, sys  # noqa: E401
from pathlib import Path as File
from typing import Any, List, Literal, Optional, TypedDict

import uvicorn
from fastapi import Body, FastAPI, HTTPException, Path, Query, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from psycopg import Error, OperationalError, errors, generators, pq
from psycopg.adapt import Transformer
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel, Field, conint

HERE, ENV = File(__file__).parent, os.environ
DOCS = ENV.get("MLREC_WEB_DOCS", HERE.parent.parent / "build/web/swagger-ui")
TIMEOUT, SECRET = int(ENV.get("MLREC_WEB_TIMEOUT", 5000)), ENV.get("MLREC_WEB_JWT_SECRET") or None
MAX_BODY, MAX_ID = 65536, 2**63 - 1

# What is asked and answered; the documentation is made of it
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

Text, Number = Optional[str], Optional[float]
TITLE = {"movie_id": int, "title": Text, "genres": Text, "year": Optional[int]}
PERSON = {"user_id": int, "gender": Any, "age": Any, "occupation": Any}
Health = TypedDict("Health", {"status": str, "detail": str})
Stats = TypedDict("Stats", {"total_users": Optional[int], "total_movies": int, "total_ratings": int,
                            "total_genres": int, "model": Optional[int], "trained_at": Text, "metrics": dict})
Profile = TypedDict("Profile", {**PERSON, "ratings": int, "mean_rating": Number,
                                "favorite_genres": List[str], "best_rated": List[dict]})
Movie = TypedDict("Movie", {**TITLE, "ratings": int, "mean_rating": Number})
Similar = TypedDict("Similar", {"rank": int, **TITLE, "similarity": float})
Reason = TypedDict("Reason", {"because_movie_id": Optional[int], "title": str, "your_rating": Number,
                              "similarity": Number, "contribution": float})
Recommended = TypedDict("Recommendation", {"rank": int, **TITLE, "ranking_score": float, "retrieval_score": float})
Recommendations = TypedDict("Recommendations", {**PERSON, "recommendations": List[Recommended]})
Problem = TypedDict("Problem", {"detail": str, "hint": Text, "code": Text})
EXAMPLES = json.loads((HERE / "examples.json").read_text())
A_USER, A_MOVIE = (Path(..., ge=0, le=MAX_ID, example=1) for _ in range(2))

def answers(name, model, *codes):
    """What a route returns, and what when there is an error, with an example of each."""
    example = lambda key: {"application/json": {"example": EXAMPLES[key]}}
    told = {code: {"model": Problem, "content": example(str(code))} for code in (401, 403, *codes, 503)}
    return {"response_model": model, "responses": {200: {"content": example(name)}, **told}}

pool = AsyncConnectionPool(
    ENV.get("DATABASE_URL", ""), min_size=1, max_size=int(ENV.get("MLREC_WEB_POOL", "4")), open=False,
    timeout=3, reconnect_timeout=5, kwargs={"autocommit": True, "client_encoding": "utf8"})
app = FastAPI(title="mlrec", description="A two-stage recommender inside PostgreSQL, over HTTP.",
              docs_url=None, redoc_url=None, on_startup=[pool.open], on_shutdown=[pool.close])
app.openapi_version = "3.0.3"  # which every Swagger UI can read
def claims(request):
    """The claims of the caller's token; without one the role alone, as PostgREST has it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return {"role": "mlrec_web"}
    try:
        import jwt
        return {"role": "mlrec_web", **jwt.decode(token, SECRET, ["HS256"], {"verify_aud": False})}
    except Exception as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None

async def fetch(query, values):
    """What the last statement of a query returns, as bytes; values are quoted as psycopg's cursors do it."""
    for retry in (True, False):
        connection = await pool.getconn()
        try:
            connection.pgconn.send_query(query % tuple(map(Transformer(connection).as_literal, values)))
            result = (await connection.wait(generators.execute(connection.pgconn)))[-1]
            if result.status != pq.ExecStatus.TUPLES_OK:
                raise errors.error_from_result(result)
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

@app.exception_handler(Error)
async def problem(request, error):
    code, said = error.sqlstate or "", error.diag
    status = {"42501": 403, "P0002": 404}.get(code, 400 if code[:2] == "22" else 503)
    return JSONResponse({"detail": said.message_primary or "the database cannot be reached",
                         "hint": said.message_hint, "code": code or None}, status)

def bounded(app):
    """Refuses bodies that are too long, or do not say how long, before they are read."""
    async def call(scope, receive, send):
        length = dict(scope.get("headers", ())).get(b"content-length")
        if scope.get("method") != "POST" or length and int(length) <= MAX_BODY:
            return await app(scope, receive, send)
        error = {"loc": ["body"], "msg": f"ensure the body has a Content-Length of at most {MAX_BODY}"}
        await JSONResponse({"detail": [{**error, "type": "value_error"}]}, 422)(scope, receive, send)
    return call
app.add_middleware(bounded)

@app.post("/recommend", **answers("recommend", Recommendations, 400), openapi_extra=EXAMPLES["request"])
async def recommend(request: Request, wish: RecommendRequest):
    """The best movies for a user, or for somebody of whom nothing is known."""
    return await ask(request, "recommend", {name: value for name, value in wish if name in wish.__fields_set__})

@app.get("/api", **answers("health", Health))
async def health(request: Request):
    """Whether recommendations can be served; if not, 503 and what is missing."""
    answer = await ask(request, "health")
    answer.status_code = 200 if json.loads(answer.body)["status"] == "ok" else 503
    return answer

@app.get("/stats", **answers("stats", Stats))
async def stats(request: Request):
    """The data and the active model in numbers; metrics are of the test ratings."""
    return await ask(request, "stats")

@app.get("/user/{user_id}", **answers("user", Profile, 404))
async def user(request: Request, user_id: int = A_USER):
    """Who a user is, what they like, and what they have rated highest."""
    return await ask(request, "user_profile", {"user_id": user_id})

@app.get("/movie/{movie_id}", **answers("movie", Movie, 404))
async def movie(request: Request, movie_id: int = A_MOVIE):
    """What is known of a movie."""
    return await ask(request, "movie_details", {"movie_id": movie_id})

@app.get("/movie/{movie_id}/similar", **answers("similar", List[Similar], 400))
async def similar(request: Request, movie_id: int = A_MOVIE, n: int = Query(10, ge=1, le=100)):
    """The movies that are most similar to one."""
    return await ask(request, "similar_movies", {"movie_id": movie_id, "n": n})

@app.get("/user/{user_id}/why/{movie_id}", **answers("why", List[Reason], 400))
async def why(request: Request, user_id: int = A_USER, movie_id: int = A_MOVIE):
    """Which of a user's ratings speak for a movie; the last row is what popularity does."""
    return await ask(request, "explain", {"user_id": user_id, "movie_id": movie_id})

@app.get("/explore", **answers("explore", dict))
async def explore(request: Request):
    """The ratings by value, by genre, and by who gives them; the epochs of the model's training."""
    return await ask(request, "explore", keep=60)

if ENV.get("MLREC_WEB_WRITE") == "1":
    @app.post("/rate", **answers("rate", dict, 404))
    async def rate(request: Request, user_id: within(10**9, MAX_ID) = Body(..., description="a guest"),
                   movie_id: within(0, MAX_ID) = Body(...), rating: float = Body(..., ge=0.5, le=5)):
        """Write what a guest thinks of a movie; the next request knows it."""
        return await ask(request, "rate", {"user_id": user_id, "movie_id": movie_id, "rating": rating},
                         role="mlrec_web_rate", read_only="off")

app.get("/docs", include_in_schema=False)(lambda: get_swagger_ui_html(
    openapi_url="openapi.json", title="mlrec over HTTP", swagger_js_url="swagger-ui/swagger-ui-bundle.js",
    swagger_css_url="swagger-ui/swagger-ui.css", swagger_favicon_url="page/icon.svg"))

@app.get("/", include_in_schema=False)
async def page(request: Request):
    accept = request.headers.get("accept", "")
    if "application/json" in accept and "text/html" not in accept:
        return await health(request)
    return FileResponse(HERE / "index.html", headers={"Vary": "Accept"})
app.mount("/swagger-ui", StaticFiles(directory=DOCS, check_dir=False))
app.mount("/page", StaticFiles(directory=HERE / "page"))

def serve(application, app_dir, *options):
    """The command of uvicorn, with answers that do not wait 40 ms for their first half to be acknowledged:
    asyncio sets TCP_NODELAY on sockets that it opens itself, and not on the one that workers share."""
    def bind_socket(config, bind=uvicorn.Config.bind_socket):
        listener = bind(config)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    uvicorn.Config.bind_socket = bind_socket
    uvicorn.main([application, "--app-dir", str(app_dir), *options])

if __name__ == "__main__":
    serve("app:app", HERE, *sys.argv[1:])
