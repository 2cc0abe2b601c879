#!/usr/bin/env python3
"""Opens audit reports in headless Chromium and checks what a reader gets.

Usage: check_report_page.py SCREENSHOT_FOLDER PAGE.html [PAGE.html ...]

The pictures are also read with the keyboard. Fails on any message in the browser's console (a script error, something that the security policy refused), on text of
the report that became markup or script, on a missing part or picture, and on anything fetched. Takes a screenshot of
each page, wide, narrow, dark and printed.
"""
import html
import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SHOTS = {"wide": ["--window-size=1100,2400"], "narrow": ["--window-size=500,2400"],
         "dark": ["--window-size=1100,2400", "--blink-settings=preferredColorScheme=0"]}


class Page(html.parser.HTMLParser):
    """Counts tags and collects texts of the page as the browser holds it after its scripts ran."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.handlers, self.captions, self.texts, self.stack, self.marks, self.empty = {}, set(), [], [], [], [], 0, 0
        self.title, self.data = "", ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attributes:
            if name.startswith("on") or (name in ("src", "href") and not (value or "").startswith("#")):
                self.handlers.append((tag, name, value))
            self.empty += tag == "figure" and name == "class" and value == "empty"
            if name == "id":
                self.ids.add(value)
            if name == "class" and value and re.match(r"dot (found|same|became|left)", value):
                self.marks += 1
        self.stack.append((tag, dict(attributes)))
        if tag == "figcaption":
            self.captions.append("")

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if any(tag == "figcaption" for tag, _ in self.stack):
            self.captions[-1] += data
        if self.stack and self.stack[-1][0] == "title":
            self.title += data
        if self.stack and self.stack[-1][0] == "script" and self.stack[-1][1].get("id") == "report-data":
            self.data += data
        elif self.stack and self.stack[-1][0] not in ("script", "style"):
            self.texts.append(data)


def chromium(page, *flags):
    with tempfile.TemporaryDirectory() as profile:
        run = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0",
                              "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}", *flags, page.resolve().as_uri()],
                             capture_output=True, text=True, timeout=240, check=True)
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    if console:
        raise SystemExit(f"{page}: the browser says\n" + "\n".join(console))
    return run.stdout


def require(ok, page, message):
    if not ok:
        raise SystemExit(f"{page}: {message}")


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings_of(part)


PRESS_KEYS = """<script>
for (const figure of document.querySelectorAll("figure:not(.empty)")) {
  const svg = figure.querySelector(".stage svg"), tip = figure.querySelector(".tip"), read = [];
  for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "Escape"]) {
    svg.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    read.push(tip.textContent);
  }
  document.body.append(Object.assign(document.createElement("pre"), { className: "read", textContent: JSON.stringify(read) }));
}
</script>"""


# A copy of the page whose policy would not refuse the keys' script.
def check_keyboard(path, folder, figures):
    source = path.read_text(encoding="utf-8")
    copy = pathlib.Path(folder) / "keys.html"
    copy.write_text(re.sub(r"<meta http-equiv=.*?>", "", source, count=1).replace("</body>", PRESS_KEYS + "</body>"), encoding="utf-8")
    read = re.findall(r'<pre class="read">(.*?)</pre>', chromium(copy, "--dump-dom"), re.S)
    require(len(read) == figures, path, f"{len(read)} pictures took keys instead of {figures}")
    for texts in (json.loads(html.unescape(text)) for text in read):
        first, second, back, none = texts
        require(first and second and first != second and back == first and not none, path, f"arrow keys read {texts}")


def check(path, shots):
    # Without scripts the page holds these elements and no others; the rest is made by its own script.
    source = Page(path.read_text(encoding="utf-8"))
    report = json.loads(source.data)
    page = Page(chromium(path, "--dump-dom"))
    models = report["models"]
    require(page.data and json.loads(page.data) == report, path, "the data in the page changed")
    require(page.tags.get("script") == 3, path, f"{page.tags.get('script')} scripts instead of 3")
    for tag in ("img", "iframe", "object", "embed", "link", "form", "base"):
        require(tag not in page.tags, path, f"there is a <{tag}>")
    require(not page.handlers, path, f"handlers or addresses: {page.handlers[:3]}")
    require(page.title.startswith(report.get("title") or "Fairness audit"), path, f"the title is {page.title!r}")
    for part in ("result", "overview", "words", "provenance", "picture-emergence"):
        require(part in page.ids, path, f"#{part} is missing")
    for i in range(len(models)):
        for part in (f"model-{i + 1}", f"model-{i + 1}-shift", f"model-{i + 1}-groups"):
            require(part in page.ids, path, f"#{part} is missing")
    figures = 1 + 2 * len(models) + (1 if report.get("dose_response") else 0)
    require(page.tags["figure"] == figures, path, f"{page.tags['figure']} pictures instead of {figures}")
    require(all(len(caption) > 30 for caption in page.captions), path, f"a picture says nothing: {page.captions}")
    points = sum(len(model.get("points", [])) for model in models)
    require(page.marks >= points, path, f"{page.marks} marks, but {points} points")
    with tempfile.TemporaryDirectory() as folder:
        check_keyboard(path, folder, figures - page.empty)
    shown = "".join(page.texts)
    for item in (item for item in models[0]["changed_items"] if item["kl_divergence"] != 0):
        for text in strings_of([item["context"], [option["text"] for option in item["options"]]]):
            require(text.strip() in shown, path, f"an item's text is not shown as it is: {text[:60]!r}")
    for word in ("NaN", "undefined", "[object", "Infinity"):
        require(word not in shown, path, f"the page says {word}")
    for name, flags in SHOTS.items():
        picture = shots / f"{path.stem}_{name}.png"
        chromium(path, f"--screenshot={picture}", *flags)
        require(picture.stat().st_size > 40_000, path, f"the {name} screenshot is empty")
    printed = shots / f"{path.stem}.pdf"
    chromium(path, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    require(printed.stat().st_size > 40_000, path, "the print is empty")
    print(f"{path}: {figures - page.empty} pictures, {page.empty} with nothing to draw, {page.marks} marks, {len(models)} models")


def main():
    shots = pathlib.Path(sys.argv[1])
    shots.mkdir(parents=True, exist_ok=True)
    for page in sys.argv[2:]:
        check(pathlib.Path(page), shots)


if __name__ == "__main__":
    main()
