package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/warm"
)

// reachable lists what the keyboard has to reach on the page as it is, by what tells one
// from another.
const reachable = `[...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")]
	.filter((e) => e.checkVisibility() && !e.disabled && !e.closest("dialog"))
	.map((e) => e.id || e.getAttribute("aria-label") || e.title || e.textContent)`

// focused is what has the focus, in the same words, and whether that can be seen.
const focused = `((e) => [e.id || e.getAttribute("aria-label") || e.title || e.textContent,
	e === document.body || getComputedStyle(e).outlineStyle !== "none" || e.matches("input[type=checkbox]") ? "seen" : "not seen"])(document.activeElement)`

func TestDashboardByKeyboardAlone(t *testing.T) {
	b := startBoard(t)
	p := openBoard(t, startChromium(t), b, "")

	// A path is warmed, its generation found, opened, and evicted, without a mouse.
	p.shortcut("w")
	p.await(`document.activeElement.id === "warm-path"`)
	p.press(dashTable, enterKey)
	p.await(`document.querySelectorAll("#generation-table tbody tr .state[data-state=warm]").length === 4`)
	p.press(escapeKey)
	p.shortcut("/")
	p.await(`document.activeElement.id === "filter"`)
	p.press("items", escapeKey)
	p.shortcut("g")
	p.await(`document.activeElement.id === "generations-title"`)
	p.press(tabKey, tabKey) // the filter, the first generation
	p.await(`document.activeElement.closest("tr")?.rowIndex === 1`)
	p.press(downKey, downKey, downKey, downKey, upKey, downKey)
	p.await(`document.activeElement.closest("tr").dataset.key === ` + quoted(dashGen))
	p.press(enterKey)
	p.await(`document.activeElement.id === "objects-title" && document.querySelectorAll("#object-table tbody tr").length > 10`)
	p.shortcut("g")
	p.press(tabKey, tabKey, downKey, downKey, downKey, tabKey, tabKey, tabKey)
	p.await(`document.activeElement.getAttribute("aria-label") === "Evict items.lance #4"`)
	p.press(enterKey)
	p.await(`document.querySelector("#confirm").open && document.activeElement.id === "confirm-no"`)
	p.press(escapeKey)
	p.await(`!document.querySelector("#confirm").open && document.activeElement.getAttribute("aria-label") === "Evict items.lance #4"`)
	if g := b.generation(t); g.State != warm.GenerationWarm {
		t.Errorf("Escape did not cancel: %+v", g)
	}
	p.press(enterKey)
	p.await(`document.activeElement.id === "confirm-no"`)
	p.press(tabKey, enterKey)
	p.awaitText(row("#generation-table", dashGen, ".state"), "evicted")

	p.shortcut("?")
	p.await(`document.querySelector("#shortcuts").open`)
	p.shortcut("b") // no shortcut while a dialog is open
	p.press(escapeKey)
	p.await(`!document.querySelector("#shortcuts").open && !document.querySelector("#confirm").open`)
	p.shortcut("p")
	p.await(`document.querySelector("#connection").dataset.state === "paused"`)
	p.shortcut("p")
	p.await(isLive)
	p.shortcut("b")
	p.await(`document.querySelector("#confirm").open`)
	p.press(tabKey, enterKey)
	p.await(`document.querySelector("#cache").getAttribute("aria-checked") === "false"`)
	if status, text := b.call(t, http.MethodPost, "/bypass", `{"on": false}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}

	// Everything that can be clicked can be reached, and shows that it is.
	p.await(`document.querySelector("#cache").getAttribute("aria-checked") === "true" && document.querySelector("#toasts").children.length === 0`)
	p.shortcut("p") // a page that stands still
	p.await(`document.querySelector("#connection").dataset.state === "paused"`)
	want := eval[[]string](p, reachable)
	eval[bool](p, `(document.activeElement.blur(), scrollTo(0, 0), true)`)
	var got []string
	for range 2 * len(want) {
		p.press(tabKey)
		now := eval[[]string](p, focused)
		if now[1] != "seen" {
			t.Errorf("%s does not show that it has the focus", now[0])
		}
		got = append(got, now[0])
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%q cannot be reached with Tab", name)
		}
	}

	// Single keys can be switched off.
	p.shortcut("?")
	p.await(`document.querySelector("#shortcuts").open`)
	p.click("#keys-on")
	p.press(escapeKey)
	p.await(`!document.querySelector("#shortcuts").open`)
	p.shortcut("w")
	if eval[string](p, "document.activeElement.id") == "warm-path" {
		t.Error("a key works that was switched off")
	}
}

func TestDashboardOnAPhone(t *testing.T) {
	b := startBoard(t)
	b.sidecar.warm(t, dashTable, http.StatusOK)
	p := openTab(t, startChromium(t))
	p.size(360, 740)
	p.open(b.Admin + "/#" + dashGen)
	p.await(isLive + ` && document.querySelectorAll("#object-table tbody tr").length > 10`)
	p.click("#object-table button[title*='/data/']")
	p.await(`document.querySelector("#strips canvas")`)
	const wide = `[...document.querySelectorAll("body *")].filter((e) => e.checkVisibility())
		.filter((e) => e.getBoundingClientRect().right > %d.5).map((e) => e.outerHTML.slice(0, 120))`
	for _, width := range []int64{320, 360, 600, 761, 1181} {
		p.size(width, 740)
		p.await(fmt.Sprintf("innerWidth === %d && document.documentElement.scrollWidth <= %d", width, width)) // no scrolling sideways
		if over := eval[[]string](p, fmt.Sprintf(wide, width)); len(over) > 0 {
			t.Errorf("%d pixels wide, these stand out: %s", width, strings.Join(over, "\n"))
		}
	}
	p.size(360, 740)
	p.click("#help")
	p.await(`document.querySelector("#shortcuts").open`)
	if over := eval[[]string](p, fmt.Sprintf(wide, 360)); len(over) > 0 {
		t.Errorf("with a dialog, these stand out: %s", strings.Join(over, "\n"))
	}
	if role := eval[string](p, `[...new Set([...document.querySelectorAll("table.rows, table.rows tr, table.rows td")].map((e) => e.getAttribute("role")))].join()`); role != "table,row,cell" {
		t.Errorf("tables that look like none are none: %s", role) // their rows are no table rows to look at
	}
}

// contrasts lists texts whose contrast with what is behind them is less than 4.5 to 1.
const contrasts = `(() => {
	const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return c.startsWith("color(") ? [m[0]*255, m[1]*255, m[2]*255, m[3] ?? 1] : [m[0], m[1], m[2], m[3] ?? 1]; };
	const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3]));
	const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126*r + 0.7152*g + 0.0722*b; };
	const behind = (e) => { if (!e) return [255, 255, 255]; const c = parse(getComputedStyle(e).backgroundColor); return c[3] === 1 ? c.slice(0, 3) : over(c, behind(e.parentElement)); };
	const bad = [];
	for (const e of document.querySelectorAll("body *")) {
		if (!e.checkVisibility() || e.closest(".sr, .skip, :disabled, canvas, svg") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		const back = behind(e), ink = over(parse(getComputedStyle(e).color), back);
		const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) bad.push(ratio.toFixed(2) + " " + e.tagName + "." + e.className + " " + e.textContent.slice(0, 30));
	}
	return bad;
})()`

func TestDashboardInTheDarkAndInTheLight(t *testing.T) {
	b := startBoard(t)
	b.sidecar.warm(t, dashTable, http.StatusOK)
	p := openTab(t, startChromium(t))
	ground := func() string { return eval[string](p, "getComputedStyle(document.body).backgroundColor") }
	p.prefer("prefers-color-scheme", "light")
	p.open(b.Admin + "/#" + dashGen)
	p.await(isLive + ` && document.querySelectorAll("#object-table tbody tr").length > 10`)
	p.click("#object-table button[title*='/data/']")
	p.await(`document.querySelector("#strips canvas")`)
	light := ground()
	check := func(theme string) {
		t.Helper()
		if bad := eval[[]string](p, contrasts); len(bad) > 0 {
			t.Errorf("too pale in the %s: %s", theme, strings.Join(bad, "\n"))
		}
	}
	check("light")
	p.prefer("prefers-color-scheme", "dark")
	dark := ground()
	if light == dark {
		t.Errorf("the page is %s in the dark and in the light", light)
	}
	check("dark")
	// The reader's choice goes before the system's, and is remembered.
	for _, theme := range []struct{ name, ground string }{{"dark", dark}, {"light", light}, {"auto", dark}} {
		p.shortcut("t")
		p.awaitText("#theme-text", theme.name)
		p.open(b.Admin + "/")
		p.await(isLive)
		if got := ground(); got != theme.ground || eval[string](p, `document.querySelector("#theme-text").textContent`) != theme.name {
			t.Errorf("%s is %s, want %s", theme.name, got, theme.ground)
		}
	}
}

func TestDashboardStandsStillForThoseWhoWantThat(t *testing.T) {
	b := startBoard(t)
	p := openTab(t, startChromium(t))
	p.prefer("prefers-reduced-motion", "reduce")
	p.open(b.Admin + "/")
	p.await(isLive)
	b.hold(0)
	p.fill("#warm-path", "s3://lake/exports")
	p.click("#warm-form button")
	p.awaitText("#jobs .state", "warming")
	if n := eval[int](p, "document.getAnimations().length"); n != 0 {
		t.Errorf("%d things move", n)
	}
	b.release()
	p.awaitText("#jobs .state", "warm")
}

// What other tests rely on: a violation of the policy would have been heard of.
func TestViolationsOfThePolicyAreNoticed(t *testing.T) {
	b := startBoard(t)
	p := openBoard(t, startChromium(t), b, "")
	if all := p.unexpected(); len(all) > 0 {
		t.Fatalf("before anything was done: %v", all)
	}
	p.expected = []string{"Content Security Policy", "net::ERR_BLOCKED_BY_CSP"}
	for name, script := range map[string]string{
		"a script in the page":    `const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s)`,
		"a style in the page":     `const s = document.createElement("style"); s.textContent = "body { color: red }"; document.body.append(s)`,
		"an image from elsewhere": `const i = new Image(); i.src = "http://127.0.0.1:9/x.png"; document.body.append(i)`,
		"a call elsewhere":        `fetch("http://127.0.0.1:9/x").catch(() => {})`,
	} {
		p.mu.Lock()
		p.complaints = nil
		p.mu.Unlock()
		eval[bool](p, fmt.Sprintf("(() => { %s; return true; })()", script))
		p.await(`new Promise((done) => setTimeout(() => done(true), 100))`)
		p.mu.Lock()
		n := len(p.complaints)
		p.mu.Unlock()
		if n == 0 {
			t.Errorf("%s went unnoticed", name)
		}
	}
	if eval[bool](p, "Boolean(window.ran)") {
		t.Error("a script in the page ran")
	}
}
