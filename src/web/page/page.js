// page.js: asks the service and shows what it says.  Nothing is computed here but where things stand.
"use strict";

const $ = id => document.getElementById(id);
const state = { user: 1, n: 10, k: 200, order: "rating", diversity: 0 };
const GUEST = 1e9;                       // guests have numbers from here on
let list = [], ranks = new Map(), shownFor = null, scale = 5, totalUsers = 1, mayRate = false, asked = null;

// ---- The document ----

// An element with attributes (functions are listeners) and children (strings are text).
function make(tag, attributes = {}, ...children) {
	const svg = ["svg", "g", "rect", "line", "path", "text", "circle", "title", "polyline"].includes(tag);
	const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (typeof value === "function") element.addEventListener(name, value);
		else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
	}
	element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined));
	return element;
}

const number = (x, digits = 0) => x === null || x === undefined ? "–" :
	x.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
const count = (n, what) => `${number(n)} ${what}${n === 1 ? "" : "s"}`;
const bare = movie => movie.title ? movie.title.replace(/ \(\d{4}\)$/, "") : `Movie ${movie.movie_id}`;
const genres = movie => (movie.genres || "").split("|").filter(genre => genre);
const isGuest = () => state.user >= GUEST;

// A color for each genre, the same everywhere.
function hue(genre) {
	let sum = 7;
	for (const letter of genre || "") sum = (sum * 31 + letter.charCodeAt(0)) % 360;
	return sum;
}

function bar(label, value, share, kind) {
	const fill = make("div", { class: "fill" });
	fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
	return make("div", { class: `bar ${kind}` }, make("span", { class: "bar-label" }, label),
		make("span", { class: "bar-value" }, value), make("div", { class: "track", "aria-hidden": "true" }, fill));
}

// ---- The service ----

class Refused extends Error {
	constructor(status, body) {
		const detail = body && body.detail;
		super(Array.isArray(detail) ? detail.map(d => `${d.loc.slice(-1)}: ${d.msg}`).join("; ") : detail || `status ${status}`);
		this.status = status;
		this.hint = body && body.hint;
	}
}

async function ask(path, options) {
	let answer;
	try {
		answer = await fetch(path, options);
	} catch (error) {
		if (error.name === "AbortError") throw error;
		throw new Refused(0, { detail: "Nothing listens there; perhaps it is being restarted." });
	}
	const body = await answer.json().catch(() => null);
	if (!answer.ok) throw new Refused(answer.status, body);
	return body;
}

const post = (path, body, options = {}) => ask(path, {
	method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), ...options });

function away(error) {
	if (error.name === "AbortError") return;
	clearTimeout(away.timer);
	const refused = error.status >= 400 && error.status < 500;
	$("away").hidden = false;
	$("away-title").textContent = refused ? "The service refuses this." : "The service does not answer.";
	$("away-reason").textContent = [error.message, error.hint].filter(part => part).join(". ");
	if (refused) return;
	$("health").textContent = "away";
	$("health").className = "health bad";
	away.timer = setTimeout(start, 5000);
}

function back() {
	clearTimeout(away.timer);
	$("away").hidden = true;
	$("health").textContent = "online";
	$("health").className = "health good";
}

// ---- The list ----

function stars(movie) {
	const name = `stars-${movie.movie_id}-${stars.count = (stars.count || 0) + 1}`;
	return make("fieldset", { class: "stars" }, make("legend", {}, "Your rating"),
		[1, 2, 3, 4, 5].map(value => make("label", { title: count(value, "star") },
			make("input", { type: "radio", name, value, click: () => rate(movie, value) }),
			make("span", { "aria-hidden": "true" }, "★"), make("span", { class: "unseen" }, count(value, "star")))));
}

function moved(movie, previous) {
	if (!previous) return null;
	const before = previous.get(movie.movie_id);
	if (before === undefined) return make("span", { class: "moved new" }, "new");
	const by = before - movie.rank;
	return by === 0 ? null : make("span", { class: "moved", "aria-label": `${by > 0 ? "up" : "down"} ${Math.abs(by)}` },
		`${by > 0 ? "▲" : "▼"} ${Math.abs(by)}`);
}

function card(movie, previous) {
	const item = make("li", { class: "panel card", click: event => {
		if (!event.target.closest("button, fieldset")) show(movie.movie_id);
	} },
	make("span", { class: "rank" }, String(movie.rank)),
	make("div", { class: "card-body" },
		make("h3", {}, make("button", { type: "button", class: "title", click: () => show(movie.movie_id) }, bare(movie)),
			moved(movie, previous)),
		make("ul", { class: "genres" }, movie.year ? make("li", { class: "year" }, String(movie.year)) : null, genres(movie).map(genre => {
			const chip = make("li", {}, genre);
			chip.style.setProperty("--hue", hue(genre));
			return chip;
		})),
		bar("Predicted rating", number(movie.ranking_score, 2), movie.ranking_score / scale, "ranking"),
		bar("Match, from −1 to 1", number(movie.retrieval_score, 2), (movie.retrieval_score + 1) / 2, "retrieval"),
		make("div", { class: "card-foot" }, make("button", { type: "button", class: "link", "aria-haspopup": "dialog",
			"aria-label": `Why ${bare(movie)}?`, click: () => show(movie.movie_id) }, "Why?"), isGuest() && mayRate ? stars(movie) : null)));
	item.style.setProperty("--hue", hue(genres(movie)[0]));
	return item;
}

async function recommend() {
	if (asked) asked.abort();
	asked = new AbortController();
	$("list").setAttribute("aria-busy", "true");
	const { user } = state;
	try {
		const answer = await post("recommend", { user_id: user, top_k_retrieve: state.k, top_n_final: state.n,
			order_by: state.order, diversity: state.diversity }, { signal: asked.signal });
		const previous = shownFor === user ? ranks : null;
		list = answer.recommendations;
		ranks = new Map(list.map(movie => [movie.movie_id, movie.rank]));
		shownFor = user;
		$("list").replaceChildren(...list.map(movie => card(movie, previous)));
		$("list-title").textContent = isGuest() ? "Recommended to you" : `Recommended to user ${user}`;
		$("told").textContent = list.length ? `${count(list.length, "movie")} by ${state.order}` : "There is nothing to recommend.";
		back();
	} catch (error) {
		away(error);
	} finally {
		$("list").removeAttribute("aria-busy");
	}
}

function best(movie) {
	return make("li", {}, make("button", { type: "button", click: () => show(movie.movie_id) },
		make("span", { class: "star" }, `${number(movie.rating, movie.rating % 1 ? 1 : 0)} ★`), " ", bare(movie)));
}

async function profile() {
	const { user } = state;
	$("who").textContent = isGuest() ? "You, a guest" : `User ${user}`;
	try {
		const answer = await ask(`user/${user}`);
		if (user !== state.user) return;
		const person = [["gender", answer.gender], ["age", answer.age], ["occupation", answer.occupation]];
		$("facts").textContent = [...person.filter(([, value]) => value !== null).map(pair => pair.join(" ")),
			answer.ratings ? `${count(answer.ratings, "rating")}, ${number(answer.mean_rating, 2)} on average` : "no ratings yet",
			answer.favorite_genres.length ? `likes ${answer.favorite_genres.join(", ")}` : null].filter(part => part).join(" · ");
		$("best").replaceChildren(answer.best_rated.length ? make("ul", { "aria-label": "Best rated" },
			answer.best_rated.map(best)) : "");
	} catch (error) {
		if (error.status !== 404) return away(error);
		$("facts").textContent = isGuest() ? "You have not rated anything yet. Give a movie some stars, and watch the list change." :
			"Nobody knows this user. The list is what a newcomer gets.";
		$("best").replaceChildren();
	}
}

async function rate(movie, rating) {
	try {
		await post("rate", { user_id: state.user, movie_id: movie.movie_id, rating });
		$("movie").close();
		await Promise.all([profile(), recommend()]);
		$("told").textContent = `You gave ${bare(movie)} ${count(rating, "star")}; here is what that changes.`;
	} catch (error) {
		away(error);
	}
}

// ---- A movie ----

function reason(row, most) {
	const popularity = row.because_movie_id === null;
	const digits = popularity ? 2 : Math.max(2, 1 - Math.floor(Math.log10(most)));  // so that the largest has two of its own
	return make("li", {}, bar(popularity ? "Everybody likes it" : `${isGuest() ? "Your" : "Their"} ${number(row.your_rating)} ★ for ${row.title}`,
		(row.contribution > 0 ? "+" : "") + number(row.contribution, digits), Math.abs(row.contribution) / most,
		popularity ? "popular" : row.contribution < 0 ? "against" : "for"));
}

async function explain(id) {
	$("reasons").replaceChildren(make("li", { class: "hint" }, "asking …"));
	try {
		const reasons = await ask(`user/${state.user}/why/${id}`);
		const own = reasons.filter(row => row.because_movie_id !== null).map(row => Math.abs(row.contribution));
		$("reasons").replaceChildren(...reasons.map(row => reason(row, Math.max(...own, 1e-6))));
	} catch (error) {
		$("reasons").replaceChildren(make("li", { class: "hint" }, error.message));
	}
}

async function show(id) {
	try {
		const [movie, similar] = await Promise.all([ask(`movie/${id}`), ask(`movie/${id}/similar?n=6`)]);
		$("movie-title").textContent = bare(movie);
		$("movie-facts").textContent = [movie.year, genres(movie).join(", "),
			movie.ratings ? `${count(movie.ratings, "rating")}, ${number(movie.mean_rating, 2)} on average` : "no ratings yet",
		].filter(part => part).join(" · ");
		$("movie-rate").replaceChildren(...(isGuest() && mayRate ? [stars(movie)] : []));
		$("similar").replaceChildren(...similar.map(other => make("li", {},
			make("button", { type: "button", class: "title", click: () => show(other.movie_id) }, bare(other)),
			bar([other.year, genres(other).join(", ")].filter(part => part).join(" · "), number(other.similarity, 2),
				(other.similarity + 1) / 2, "retrieval"))));
		if (!$("movie").open) $("movie").showModal();
		$("movie").scrollTop = 0;
		$("movie-title").focus();
		explain(id);
	} catch (error) {
		away(error);
	}
}

// ---- Charts ----

const WIDTH = 320, HEIGHT = 190;

function chart(id, label, height, ...parts) {
	const figure = $(id);
	figure.replaceChildren(figure.querySelector("figcaption"), make("svg", {
		viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label }, parts));
}

const words = (x, y, text, attributes = {}) => make("text", { x, y, ...attributes }, text);

// Upright bars: rows are [label, value, what to say].
function columns(id, label, rows) {
	const most = Math.max(...rows.map(row => row[1]), 1), step = Math.min(64, WIDTH / Math.max(rows.length, 1));
	const low = HEIGHT - 22, left = (WIDTH - step * rows.length) / 2;
	chart(id, label, HEIGHT, rows.map(([name, value, said], i) => {
		const height = Math.max(1, (low - 20) * value / most);
		return make("g", { class: "mark" }, make("title", {}, said),
			make("rect", { x: left + step * (i + 0.12), y: low - height, width: step * 0.76, height, rx: 3 }),
			rows.length <= 10 ? words(left + step * (i + 0.5), low - height - 6, short(value), { class: "value" }) : null,
			rows.length <= 10 || i % 2 === 0 ? words(left + step * (i + 0.5), HEIGHT - 6, name, { class: "name" }) : null);
	}));
}

function rows(id, label, data) {
	const most = Math.max(...data.map(row => row[1]), 1), step = 22;
	chart(id, label, step * data.length, data.map(([name, value, said], i) => make("g", { class: "mark" },
		make("title", {}, said), words(92, step * i + 15, name, { class: "row-name" }),
		make("rect", { x: 98, y: step * i + 4, width: Math.max(1, 172 * value / most), height: 14, rx: 3 }),
		words(104 + 172 * value / most, step * i + 15, short(value), { class: "row-value" }))));
}

const short = x => x >= 1e6 ? `${number(x / 1e6, 1)}M` : x >= 1e4 ? `${number(x / 1e3)}k` : x >= 1e3 ? `${number(x / 1e3, 1)}k` : number(x);

// Curves over epochs: lines are [name, class, values]; a null has no point.
function curves(id, label, lines) {
	const all = lines.flatMap(line => line[2]).filter(value => value !== null);
	if (!all.length) return chart(id, label, HEIGHT, words(WIDTH / 2, HEIGHT / 2, "not measured", { class: "name" }));
	const low = Math.min(...all), high = Math.max(...all), room = (high - low) || 1;
	const epochs = Math.max(...lines.map(line => line[2].length));
	const x = i => 40 + (WIDTH - 50) * (epochs > 1 ? i / (epochs - 1) : 0.5), y = value => 34 + (HEIGHT - 62) * (high - value) / room;
	chart(id, label, HEIGHT, [low, (low + high) / 2, high].map(value => make("g", { class: "grid" },
		make("line", { x1: 40, x2: WIDTH - 10, y1: y(value), y2: y(value) }),
		words(34, y(value) + 4, value.toFixed(room < 0.05 ? 3 : 2), { class: "row-name" }))),
	words(40, HEIGHT - 8, "epoch 1", { class: "start" }), words(WIDTH - 10, HEIGHT - 8, String(epochs), { class: "row-name" }),
	lines.map(([name, kind, values], i) => [
		words(40 + 130 * i, 16, `― ${name}`, { class: `start legend ${kind}` }),
		make("polyline", { class: `curve ${kind}`, points: values.map((value, j) => value === null ? "" :
			`${x(j)},${y(value)}`).join(" ") }),
		values.map((value, j) => value === null ? null : make("circle", { class: `point ${kind}`, cx: x(j), cy: y(value), r: 3 },
			make("title", {}, `${name}, epoch ${j + 1}: ${value.toFixed(4)}`)))]));
}

async function explore() {
	if (explore.done) return;
	explore.done = true;
	try {
		const data = await ask("explore");
		scale = Math.max(...data.ratings.map(row => row.rating), 1);
		columns("chart-ratings", "How many ratings have which value", data.ratings.map(row =>
			[String(row.rating), row.ratings, `${row.rating}: ${count(row.ratings, "rating")}, ${number(row.share * 100, 1)} %`]));
		const mean = row => `${number(row.ratings)} ratings, ${number(row.mean_rating, 2)} on average`;
		rows("chart-genres", "How many ratings each genre has", data.genres.map(row =>
			[row.genre, row.ratings, `${row.genre}: ${count(row.movies, "movie")}, ${mean(row)}`]));
		for (const attribute of ["gender", "age", "occupation"]) {
			const groups = data.demographics.filter(row => row.attribute === attribute);
			$(`chart-${attribute}`).hidden = !groups.length;
			columns(`chart-${attribute}`, `How many ratings each ${attribute} has`, groups.map(row =>
				[row.value, row.ratings, `${attribute} ${row.value}: ${count(row.users, "user")}, ${mean(row)}`]));
		}
		const stage = (name, key) => data.training.filter(e => e.stage === name && !e.refit).map(e => e[key]);
		curves("chart-retrieval", "Loss of the retrieval stage", [["training", "a", stage("retrieval", "train_loss")],
			["validation", "b", stage("retrieval", "val_loss")]]);
		curves("chart-auc", "AUC of the retrieval stage", [["AUC", "b", stage("retrieval", "val_auc")]]);
		curves("chart-ranking", "Loss of the ranking stage", [["training", "a", stage("ranking", "train_loss")],
			["validation", "b", stage("ranking", "val_loss")]]);
		curves("chart-rmse", "Errors of the ranking stage", [["RMSE", "b", stage("ranking", "val_rmse")], ["MAE", "a", stage("ranking", "val_mae")]]);
		const seconds = data.training.reduce((sum, epoch) => sum + epoch.seconds, 0);
		$("training-hint").textContent = data.training.length ? `${count(data.training.length, "epoch")} in ${number(seconds)} seconds.` :
			"There is no model, or its training was not kept.";
	} catch (error) {
		explore.done = false;
		away(error);
	}
}

async function statistics() {
	const stats = await ask("stats");
	totalUsers = Math.max(1, stats.total_users || 1);
	const m = stats.metrics;
	$("numbers").replaceChildren(...[["users", number(stats.total_users)], ["movies", number(stats.total_movies)],
		["ratings", number(stats.total_ratings)], ["genres", number(stats.total_genres)],
		[stats.trained_at ? `model of ${stats.trained_at.slice(0, 10)}` : "model", stats.model === null ? "none" : `No. ${stats.model}`],
		["RMSE, stars", number(m.rmse, 3)], ["AUC of the rating", number(m.auc_rating, 3)],
		["hit@10", number(m.hit_at_10, 2)]].map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

// ---- Controls ----

function download() {
	const quote = value => value === null ? "" : /[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value;
	const names = ["rank", "movie_id", "title", "genres", "year", "ranking_score", "retrieval_score"];
	const lines = [names, ...list.map(movie => names.map(name => quote(movie[name])))].map(line => `${line.join(",")}\r\n`);
	const link = make("a", { download: `recommendations-user-${state.user}.csv`,
		href: URL.createObjectURL(new Blob(lines, { type: "text/csv;charset=utf-8" })) });
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Bring the controls, the address and the lists in line with the state.
function settle(user = false) {
	$("user").value = state.user;
	$("guest").textContent = isGuest() ? "Leave" : "Rate as a guest";
	for (const key of ["n", "k", "diversity"]) {
		$(key).value = state[key];
		$(`${key}-value`).textContent = state[key];
	}
	document.querySelector(`[name=order][value=${state.order}]`).checked = true;
	$("order-hint").textContent = state.order === "rating" ? "What the user would like best." :
		"What the user is likely to watch next, and to like.";
	history.replaceState(null, "", `?${new URLSearchParams(state)}${location.hash}`);
	clearTimeout(settle.timer);
	settle.timer = setTimeout(() => { recommend(); if (user) profile(); }, user ? 0 : 120);
}

function setUser(user) {
	state.user = Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.floor(user) || 0));
	settle(true);
}

function read() {
	const given = new URLSearchParams(location.search);
	for (const key of ["user", "n", "k", "diversity"]) {
		const value = Number(given.get(key));
		if (given.has(key) && value >= Number($(key).min) && value <= Number($(key).max))
			state[key] = key === "diversity" ? value : Math.round(value);
	}
	if (given.get("order") === "relevance") state.order = "relevance";
}

async function start() {
	try {
		await statistics();
		mayRate = "/rate" in (await ask("openapi.json")).paths;
		$("guest").hidden = !mayRate;
		back();
		settle(true);
		if (explore.wanted) explore();
	} catch (error) {
		away(error);
	}
}

$("controls").addEventListener("submit", event => event.preventDefault());
$("user").addEventListener("change", () => setUser(Number($("user").value)));
$("previous").addEventListener("click", () => setUser(state.user - 1));
$("next").addEventListener("click", () => setUser(state.user + 1));
$("dice").addEventListener("click", () => setUser(1 + Math.floor(Math.random() * totalUsers)));
$("guest").addEventListener("click", () => setUser(isGuest() ? 1 : Number(
	sessionStorage.guest ||= String(GUEST + Math.floor(Math.random() * GUEST)))));
for (const key of ["n", "k", "diversity"])
	$(key).addEventListener("input", () => { state[key] = Number($(key).value); settle(); });
for (const radio of document.getElementsByName("order"))
	radio.addEventListener("change", () => { state.order = radio.value; settle(); });
$("csv").addEventListener("click", download);
$("retry").addEventListener("click", start);
$("close").addEventListener("click", () => $("movie").close());
$("movie").addEventListener("click", event => { if (event.target === $("movie")) $("movie").close(); });

read();
for (let i = 0; i < state.n; i++) $("list").append(make("li", { class: "panel card waiting", "aria-hidden": "true" }));
new IntersectionObserver((seen, observer) => {
	if (!seen.some(entry => entry.isIntersecting)) return;
	observer.disconnect();
	explore.wanted = true;
	explore();
}, { rootMargin: "600px" }).observe($("explore"));
start();
