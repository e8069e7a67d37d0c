"""test_page.py: the page and the documentation in Debian's chromium, with no other host to be reached."""
import csv
import glob
import os
import tempfile
import time
import unittest

from service import Service, prepare, sql

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service as Driver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    missing = [path for path in ("/usr/bin/chromium", "/usr/bin/chromedriver") if not os.path.exists(path)]
except ImportError:
    missing = ["selenium"]

# The contrast of each piece of text with what is behind it, where it is below what WCAG asks (4.5, or 3 for
# large text); text in a picture is compared with the panel that it is in.
CONTRAST = """
const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = text => { const c = text.match(/[\\d.]+/g).map(Number); return c.length < 4 ? [...c, 1] : c; };
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0.9) return c; }
	return [255, 255, 255, 1]; };
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
	const e = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
	if (!text || !e.checkVisibility() || e.closest("[aria-hidden=true], .unseen, .skip, noscript, script")) continue;
	const style = getComputedStyle(e), front = parse(e instanceof SVGElement ? style.fill : style.color);
	const [a, b] = [light(front), light(behind(e))].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
	const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.6 && style.fontWeight >= 700;
	if (ratio < (large ? 3 : 4.5)) poor.push(`${text.slice(0, 30)}: ${ratio.toFixed(2)}`);
}
return poor;
"""


@unittest.skipIf(missing, f"there is no {' and no '.join(missing)}: the page is not tested")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        prepare()
        cls.service = Service(MLREC_WEB_WRITE="1", MLREC_WEB_DOCS=os.environ["MLREC_WEB_DOCS"])
        cls.scratch = tempfile.TemporaryDirectory()
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
                     "disable-component-update", "disable-sync", "disable-dev-shm-usage",
                     f"user-data-dir={cls.scratch.name}/profile", "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):
            options.add_argument("--" + flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(service=Driver("/usr/bin/chromedriver"), options=options)
        cls.browser.set_page_load_timeout(120)

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        cls.service.stop()
        cls.scratch.cleanup()
        sql("DELETE FROM ratings WHERE user_id >= 1000000000")

    def setUp(self):
        self.look()
        self.open("?user=1")

    def look(self, width=1280, height=900, scheme="light"):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, path, wait="#list .card:not(.waiting)"):
        self.browser.get(self.service.url + path)
        self.wait(lambda: self.all(wait))

    def wait(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "it did not happen")
            time.sleep(0.05)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def titles(self):
        return self.js("return [...document.querySelectorAll('#list .title')].map(e => e.textContent)")

    def js(self, script):
        return self.browser.execute_script(script)

    def settled(self):
        """After a change of the controls: the list that answers it is there."""
        self.js("window.seen = document.querySelector('#list').firstChild")
        return lambda: self.js("return seen !== document.querySelector('#list').firstChild")

    def bare(self, rows):
        return [title.rsplit(" (", 1)[0] for title, in rows]

    def test_a_list(self):
        self.assertEqual(self.titles(), self.bare(sql("SELECT title FROM recommend(1, 200, 10) ORDER BY rank")))
        # cards fade in, and what cannot be seen yet has no text
        for part in ("Predicted rating", "Match", "Why?"):
            self.wait(lambda: part in self.all("#list .card")[0].text)
        self.assertIn("User 1", self.one("#who").text)
        self.wait(lambda: "ratings" in self.one("#facts").text)
        self.assertEqual(len(self.all("#best li")), 10)
        changed = self.settled()
        self.one("#next").click()
        self.wait(changed)
        self.assertEqual(self.titles(), self.bare(sql("SELECT title FROM recommend(2, 200, 10) ORDER BY rank")))
        changed = self.settled()
        self.one("#dice").click()
        self.wait(changed)
        self.assertEqual(self.one("#user").get_attribute("value"), self.one("#who").text.split()[1])

    def test_controls_change_the_list(self):
        for control, keys, query in (
                ("#n", Keys.RIGHT * 5, "recommend(1, 200, 15)"), ("#k", Keys.LEFT * 15, "recommend(1, 50, 15)"),
                ("[value=relevance]", Keys.SPACE, "recommend(1, 50, 15, order_by => 'relevance')"),
                ("#diversity", Keys.RIGHT * 10, "recommend(1, 50, 15, order_by => 'relevance', diversity => 0.5)")):
            self.one(control).send_keys(keys)
            expected = self.bare(sql(f"SELECT title FROM {query} ORDER BY rank"))
            self.wait(lambda: self.titles() == expected)
        self.assertIn("order=relevance", self.browser.current_url)

    def test_card_to_why_and_similar(self):
        movie = sql("SELECT movie_id FROM recommend(1, 200, 1)")[0][0]
        self.all("#list .card .rank")[0].click()  # anywhere on a card
        self.wait(lambda: self.all("dialog[open] #similar li") and self.all("#reasons .bar"))
        self.assertEqual(self.js("return [...document.querySelectorAll('#similar .title')].map(e => e.textContent)"),
                         self.bare(sql("SELECT title FROM similar_movies(%s, 6) ORDER BY rank", movie)))
        reasons = sql("SELECT title FROM explain_recommendation(1, %s, 5)", movie)
        shown = [element.text for element in self.all("#reasons .bar-label")]
        self.assertEqual(len(shown), len(reasons))
        for (title,), text in zip(reasons[:-1], shown):
            self.assertIn(title, text)
        self.assertNotIn("+0.00", [value.text for value in self.all("#reasons .bar-value")])
        self.assertEqual(self.js("return document.activeElement.id"), "movie-title")
        first = self.one("#movie-title").text
        self.all("#similar .title")[0].click()
        self.wait(lambda: self.one("#movie-title").text != first)
        self.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
        self.wait(lambda: not self.all("dialog[open]"))
        self.all("#list .link")[1].send_keys(Keys.ENTER)
        self.wait(lambda: self.all("dialog[open]"))

    def test_a_guest_rates_three_movies(self):
        self.one("#guest").click()
        self.wait(lambda: "guest" in self.one("#who").text and self.all("#list .stars"))
        lists = [self.titles()]
        for value in (5, 1, 4):
            self.all("#list .card")[0].find_element(By.CSS_SELECTOR, f".stars input[value='{value}']").send_keys(Keys.SPACE)
            self.wait(lambda: self.titles() != lists[-1] and lists[-1][0] not in self.titles())
            lists.append(self.titles())
        self.wait(lambda: "3 ratings" in self.one("#facts").text)
        self.assertEqual(sorted(row[0] for row in sql("SELECT rating FROM ratings WHERE user_id = %s",
                                                      int(self.one("#user").get_attribute("value")))), [1, 4, 5])
        self.assertTrue(self.all("#list .moved"))

    def test_csv(self):
        self.browser.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": self.scratch.name})
        self.open("?user=4&n=13")
        self.one("#csv").click()
        pattern = os.path.join(self.scratch.name, "*user-4.csv")
        self.wait(lambda: glob.glob(pattern))
        with open(glob.glob(pattern)[0], encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
        self.assertEqual(len(lines), 14)
        self.assertEqual(lines[0][:4], ["rank", "movie_id", "title", "genres"])
        self.assertEqual([line[1:4] for line in lines[1:]], [[str(movie), title, genres] for movie, title, genres in sql(
            "SELECT movie_id, title, genres FROM recommend(4, 200, 13) ORDER BY rank")])

    def test_charts(self):
        self.js("document.getElementById('explore').scrollIntoView()")
        self.wait(lambda: len(self.all(".chart svg")) == 9)
        self.assertEqual(len(self.all("#chart-ratings rect")), sql("SELECT count(DISTINCT rating) FROM ratings")[0][0])
        self.assertEqual(len(self.all("#chart-genres rect")), sql("SELECT count(*) FROM genre_summary()")[0][0])
        self.assertEqual(len(self.all("#chart-rmse .point")), 8)  # two curves of four epochs
        self.assertIn("47,5", self.one("#numbers").text)

    def test_away_and_back(self):
        port = self.service.port
        self.service.stop()
        self.one("#next").click()
        self.wait(lambda: "does not answer" in self.one("#away").text)
        self.assertEqual(self.one("#away").get_attribute("role"), "alert")
        type(self).service = Service(port, MLREC_WEB_WRITE="1", MLREC_WEB_DOCS=os.environ["MLREC_WEB_DOCS"])
        self.wait(lambda: not self.one("#away").is_displayed())
        self.wait(lambda: "user 2" in self.one("#list-title").text)
        self.browser.get_log("browser")

    def test_a_refusal_is_not_an_absence(self):
        sql("REVOKE SELECT ON ratings FROM mlrec_web")
        try:
            self.one("#next").click()
            self.wait(lambda: "refuses" in self.one("#away").text)
            self.assertIn("permission denied", self.one("#away").text)
            self.assertIn("online", self.one("#health").text)
        finally:
            sql("GRANT SELECT ON ratings TO mlrec_web")
        self.one("#retry").click()
        self.wait(lambda: not self.one("#away").is_displayed())
        self.browser.get_log("browser")

    def test_keyboard_and_names(self):
        """Tab goes through the controls in their order, and all that can be used has a name."""
        order = []
        self.js("document.activeElement.blur()")
        for _ in range(17):
            self.browser.switch_to.active_element.send_keys(Keys.TAB)
            order.append(self.js("const e = document.activeElement; return e.id || e.name || e.className || e.textContent"))
        self.assertEqual(order[:16], ["skip", "brand", "Data", "Training", "API", "previous", "user", "next", "dice", "n",
                                      "k", "order", "diversity", "csv", "guest", order[15]])
        tree = self.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        used = [node for node in tree if not node["ignored"] and node["role"]["value"] in (
            "button", "link", "slider", "spinbutton", "radio", "textbox", "image", "dialog")]
        self.assertGreater(len(used), 30)
        self.assertEqual([node["role"]["value"] for node in used if not node.get("name", {}).get("value")], [])

    def test_contrast_width_and_shift(self):
        for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")):
            with self.subTest(f"{width} {scheme}"):
                self.look(width, 800, scheme)
                self.open("?user=1000000009")
                self.wait(lambda: self.all("#numbers dd"))
                shift = self.js("return new Promise(done => new PerformanceObserver(list => done(list.getEntries().reduce("
                                "(sum, e) => sum + (e.hadRecentInput ? 0 : e.value), 0))).observe({ type: 'layout-shift', "
                                "buffered: true }) || setTimeout(() => done(0), 500))")
                self.assertLess(shift, 0.1)
                self.assertLessEqual(self.js("return document.documentElement.scrollWidth"), width)
                self.js("document.getElementById('explore').scrollIntoView()")
                self.wait(lambda: len(self.all(".chart svg")) == 9)
                self.assertEqual(self.js(CONTRAST), [])

    def test_documentation_without_a_network(self):
        if not os.path.exists(os.path.join(os.environ["MLREC_WEB_DOCS"], "swagger-ui-bundle.js")):
            self.skipTest("Swagger UI is not here")
        operations = sum(map(len, self.service.ask("/openapi.json")[1]["paths"].values()))
        self.open("docs", ".opblock")
        self.assertEqual(len(self.all(".opblock")), operations)
        self.one("#operations-default-recommend_recommend_post button, #operations-default-recommend_recommend_post .opblock-summary").click()
        self.wait(lambda: "top_k_retrieve" in self.one(".opblock.is-open").text)
        self.assertIn("503", self.one(".opblock.is-open").text)
        hosts = self.js("return [...new Set(performance.getEntriesByType('resource').map(e => new URL(e.name).host))]")
        self.assertEqual(hosts, [f"127.0.0.1:{self.service.port}"])

    def test_nothing_is_complained_of(self):
        self.browser.get_log("browser")
        self.open("?user=2")
        self.js("document.getElementById('explore').scrollIntoView()")
        self.wait(lambda: len(self.all(".chart svg")) == 9)
        self.assertEqual([entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"], [])
