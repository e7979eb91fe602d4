package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/chromedp/chromedp"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/warm"
)

const (
	dashTable = "s3://lake/db/items.lance"
	dashGen   = dashTable + "/" + itemsGen
)

// A board is a Hearth with something to look at, before an origin that can be held.
type board struct {
	*sidecar
	origin *origintest.Server
	mu     sync.Mutex
	held   chan struct{} // Guarded by mu; reads of the origin wait until it is closed
	passed int           // Guarded by mu; reads that do not wait
}

func startBoard(t *testing.T, flags ...string) *board {
	t.Helper()
	b := &board{origin: origintest.Start(t)}
	b.origin.CreateBucket("lake")
	root := filepath.Join(here, "..", "testdata", "lance-memwal", "db")
	err := fs.WalkDir(os.DirFS(root), "items.lance", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		contents, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err == nil {
			b.origin.Put("lake", "db/"+name, contents)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		b.origin.Put("lake", fmt.Sprintf("exports/2026/part-%05d.parquet", i), bytes.Repeat([]byte{byte(i)}, 150_000+i*1000))
	}
	b.origin.Put("lake", "exports/whole.bin", bytes.Repeat([]byte("0123456789abcdef"), 400_000))
	b.origin.Before(func(r *origintest.Recorded) origintest.Action {
		if r.Class != "GET" {
			return origintest.Action{}
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.held == nil {
			return origintest.Action{}
		}
		if b.passed--; b.passed >= 0 {
			return origintest.Action{}
		}
		held := b.held
		return origintest.Do(func() { <-held })
	})
	b.sidecar = startAt(t, b.origin.URL(), append([]string{"--warm-on-open=false"}, flags...)...)
	t.Cleanup(b.release) // before the sidecar is asked to end
	return b
}

// hold makes reads of the origin wait, but for the first ones.
func (b *board) hold(passed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held, b.passed = make(chan struct{}), passed
}

func (b *board) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held != nil {
		close(b.held)
		b.held = nil
	}
}

// read reads bytes of an object through Hearth, as a client.
func (b *board) read(t *testing.T, key, span string) {
	t.Helper()
	in := &s3.GetObjectInput{Bucket: aws.String("lake"), Key: aws.String(key)}
	if span != "" {
		in.Range = aws.String("bytes=" + span)
	}
	out, err := newSDK(t, b.S3).GetObject(t.Context(), in, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	if _, err := io.Copy(io.Discard, out.Body); err != nil {
		t.Fatal(err)
	}
}

// generation returns what Hearth says of the newest generation.
func (b *board) generation(t *testing.T) warm.GenerationInfo {
	t.Helper()
	return b.generations(t)[dashGen]
}

// row is a selector for something in the row of a table, by the key that the row has.
func row(table, key, more string) string {
	return fmt.Sprintf(`%s tr[data-key=%s] %s`, table, quoted(key), more)
}

// generations returns what Hearth says of all generations, by path.
func (b *board) generations(t *testing.T) map[string]warm.GenerationInfo {
	t.Helper()
	status, text := b.call(t, http.MethodGet, "/generations?roles=true", "")
	var list struct{ Generations []warm.GenerationInfo }
	if err := json.Unmarshal(text, &list); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	all := make(map[string]warm.GenerationInfo)
	for _, g := range list.Generations {
		all["s3://"+g.Bucket+"/"+g.Prefix] = g
	}
	return all
}

// table returns the paths of the table's generations, in order.
func (b *board) table(t *testing.T) []string {
	t.Helper()
	seen := make(map[string]bool)
	for _, key := range b.origin.Keys("lake", "db/items.lance/_mem_wal/") {
		if prefix, ok := publication.PrefixOf(key); ok && strings.Contains(prefix, "_gen_") {
			seen["s3://lake/"+prefix] = true
		}
	}
	number := func(path string) string { return path[strings.LastIndex(path, "_gen_"):] }
	return slices.SortedFunc(maps.Keys(seen), func(a, b string) int { return strings.Compare(number(a), number(b)) })
}

// openBoard opens the dashboard and waits for the first numbers.
func openBoard(t *testing.T, browser context.Context, b *board, fragment string) *tab {
	t.Helper()
	p := openTab(t, browser)
	p.open(b.Admin + "/" + fragment)
	p.await(isLive)
	return p
}

const isLive = `document.querySelector("#connection").dataset.state === "live" && !document.querySelector("#main").hidden`

func TestDashboard(t *testing.T) {
	browser := startChromium(t)

	t.Run("shows numbers, and new ones by itself", func(t *testing.T) {
		b := startBoard(t)
		p := openBoard(t, browser, b, "")
		p.awaitText("#hits-window", "nothing yet")
		p.awaitText("#generations-empty", "No generation is known yet")
		p.awaitText("#jobs-empty", "Nothing was warmed yet")
		for range 4 {
			b.read(t, "exports/whole.bin", "0-65535")
		}
		p.awaitText("#hits", "75.0 %")
		p.awaitText("#hits-window", "last minute")
		p.await(`document.querySelector("#tiers tr[data-key=memory]").innerText.includes("192 KiB")`)
		p.await(`document.querySelector("#tiers tr[data-key=origin]").innerText.includes("64 KiB")`)
		p.await(`/\d (µs|ms)$/.test(document.querySelector("#latency").textContent)`)
		p.await(`document.querySelector("#ops tr[data-key=GET]").cells[2].textContent === "1"`)
		p.await(`document.querySelector("#hits-spark .line").getAttribute("d").length > 10`)
		b.sidecar.warm(t, dashTable, http.StatusOK)
		p.await(`document.querySelectorAll("#generation-table tbody tr").length === 4`)
		p.awaitText(row("#generation-table", dashGen, ".state"), "warm")
		p.await(`[...document.querySelectorAll(` + quoted(row("#generation-table", dashGen, ".roles li .sr")) + `)].every((e) => e.textContent.endsWith(" 100 %"))`)
		p.awaitText("#generations-sum", "4 known, 4 warm")
		p.fill("#filter", "gen_2 WARM")
		p.await(`document.querySelectorAll("#generation-table tbody tr").length === 1`)
		p.fill("#filter", "s3://lake/db/items.lance/_mem_wal/none")
		p.awaitText("#generations-empty", "No generation is like that")
	})

	t.Run("warms, pins, unpins and evicts by button", func(t *testing.T) {
		b := startBoard(t)
		p := openBoard(t, browser, b, "")
		b.hold(40)
		p.fill("#warm-path", dashTable)
		p.click("#warm-form button")
		p.await(`document.querySelector("#jobs .state")?.textContent === "warming"`)
		p.await(`(share => share > 0 && share < 1)(Number(document.querySelector("#jobs .bar").style.getPropertyValue("--share")))`)
		p.awaitText("#warms-sum", "1 job running")
		b.release()
		p.await(`document.querySelector("#jobs .state").textContent === "warm"`)
		p.awaitText("#toasts", "is warm")
		p.await(`document.querySelector("#jobs .bar").getAttribute("aria-valuenow") === "100"`)
		if n := b.metric(t, "hearth_admin_requests_total", `route="GET /warm/{id}"`, `status="2xx"`); n == 0 {
			t.Error("the progress was not followed")
		}

		p.click(row("#generation-table", dashGen, "button[aria-label^=Pin]"))
		p.await(`document.querySelector(` + quoted(row("#generation-table", dashGen, "button[aria-label^=Unpin]")) + `)`)
		if g := b.generation(t); !g.Pinned {
			t.Errorf("got %+v", g)
		}
		p.click(row("#generation-table", dashGen, "button[aria-label^=Unpin]"))
		p.await(`document.querySelector(` + quoted(row("#generation-table", dashGen, "button[aria-label^=Pin]")) + `)`)
		if g := b.generation(t); g.Pinned || g.State != warm.GenerationWarm {
			t.Errorf("got %+v", g)
		}

		evict := row("#generation-table", dashGen, "button[aria-label^=Evict]")
		p.click(evict)
		p.await(`document.querySelector("#confirm").open && document.activeElement.id === "confirm-no"`)
		p.awaitText("#confirm-path", dashGen)
		p.click("#confirm-no")
		p.await(`!document.querySelector("#confirm").open`)
		if g := b.generation(t); g.ResidentBytes != g.Bytes || g.Bytes == 0 {
			t.Errorf("evicted without confirmation: %+v", g)
		}
		p.click(evict)
		p.click("#confirm-yes")
		p.awaitText("#toasts", "was evicted")
		p.awaitText(row("#generation-table", dashGen, ".state"), "evicted")
		if g := b.generation(t); g.ResidentBytes != 0 {
			t.Errorf("got %+v", g)
		}
		p.click(row("#generation-table", dashGen, "button[aria-label^=Warm]"))
		p.await(`document.querySelector(` + quoted(row("#generation-table", dashGen, ".state")) + `)?.textContent === "warm"`)

		b.hold(0)
		p.fill("#warm-path", "s3://lake/exports")
		p.click("#warm-form button")
		p.click("#jobs tr button:not([hidden])")
		b.release()
		p.await(`document.querySelector("#jobs").textContent.includes("cancelled")`)
		p.expected = append(p.expected, "400 (Bad Request)")
		p.fill("#warm-path", "lake/exports")
		p.click("#warm-form button")
		p.awaitText("#warm-error", "s3://")
	})

	t.Run("shows the pages of an object", func(t *testing.T) {
		b := startBoard(t)
		b.sidecar.warm(t, dashTable, http.StatusOK)
		p := openBoard(t, browser, b, "#"+dashGen)
		p.await(`document.querySelectorAll("#object-table tbody tr").length > 10`)
		p.await(`document.querySelector(` + quoted(row("#generation-table", dashGen, "button[aria-current=true]")) + `)`)
		p.click("#object-table button[title*='/data/']")
		p.awaitText("#strips figcaption", "resident (100 %)")
		p.await(`["open", "pk", "data"].every((role) => document.querySelector(".legend").textContent.includes(role))`)
		p.await(`document.activeElement.id === "detail-title"`)

		b.read(t, "exports/whole.bin", "0-65535")
		b.read(t, "exports/whole.bin", "196608-327679")
		p.fill("#open-path", "s3://lake/exports/whole.bin")
		p.click("#open-form button")
		p.awaitText("#strips figcaption", "3 of 98 pages resident (3.1 %): pages 0, 3–4")
		// Of the strip's columns, those that are not empty.
		p.await(`(() => {
			const c = document.querySelector("#strips canvas"), d = c.getContext("2d").getImageData(0, c.height - 1, c.width, 1).data;
			const filled = (x) => d[4 * x] - d[4 * x + 2] > 80;
			const at = (page) => filled(Math.floor(((page + 0.4) / 98) * c.width));
			return at(0) && !at(1) && !at(2) && at(3) && at(4) && !at(5) && !at(97);
		})()`)
		b.read(t, "exports/whole.bin", "6356992-6399999")
		p.awaitText("#strips figcaption", "pages 0, 3–4, 97") // by itself
		p.click("#detail-buttons button[data-key=evict]")
		p.click("#confirm-yes")
		p.awaitText("#detail-sum", "Nothing of it is in memory")
		p.click("#detail-buttons button[data-key=warm]")
		p.awaitText("#strips figcaption", "98 of 98 pages resident (100 %): pages 0–97")
		p.expected = append(p.expected, "400 (Bad Request)")
		p.fill("#open-path", "exports")
		p.click("#open-form button")
		p.awaitText("#open-error", "s3://")
	})

	t.Run("switches the cache off and on", func(t *testing.T) {
		b := startBoard(t)
		p := openBoard(t, browser, b, "")
		p.click("#cache")
		p.click("#confirm-yes")
		p.await(`document.querySelector("#cache").getAttribute("aria-checked") === "false"`)
		p.awaitText("#toasts", "The cache is off")
		if _, text := b.call(t, http.MethodGet, "/stats", ""); !strings.Contains(string(text), `"bypassed":true`) {
			t.Errorf("got %s", text)
		}
		p.expected = append(p.expected, "409 (Conflict)")
		p.fill("#warm-path", dashTable)
		p.click("#warm-form button")
		p.awaitText("#warm-error", "switched off")
		p.click("#cache") // back on without a question
		p.await(`document.querySelector("#cache").getAttribute("aria-checked") === "true"`)
	})

	t.Run("asks for the token", func(t *testing.T) {
		b := startBoard(t, "--admin-token", "open-sesame")
		p := openTab(t, browser)
		p.expected = append(p.expected, "401 (Unauthorized)")
		p.open(b.Admin + "/")
		p.await(`document.activeElement.id === "token" && document.querySelector("#main").hidden`)
		if n := b.metric(t, "hearth_admin_requests_total", `status="4xx"`); n != 1 {
			t.Errorf("%v calls without a token", n)
		}
		p.press("wrong", enterKey)
		p.awaitText("#signin-error", "the admin token is wrong")
		p.press("open-sesame", enterKey)
		p.await(isLive)
		p.await(`sessionStorage.getItem("hearth-admin-token") === "open-sesame" && !JSON.stringify(localStorage).includes("sesame")`)
		p.fill("#warm-path", dashTable)
		p.click("#warm-form button")
		p.awaitText("#toasts", "is warm") // the stream of events too has the token
		p.do(chromedp.Reload())
		p.await(isLive)
		p.click("#signout")
		p.await(`document.querySelector("#main").hidden && sessionStorage.length === 0`)
		p.do(chromedp.Reload())
		p.await(`document.activeElement.id === "token"`)
	})

	t.Run("says when Hearth is away, and comes back", func(t *testing.T) {
		address := freeAddress(t)
		b := startBoard(t, "--admin-listen", address)
		p := openBoard(t, browser, b, "")
		p.expected = append(p.expected, "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING")
		b.kill(t)
		p.await(`document.querySelector("#connection").dataset.state === "lost" && document.body.dataset.stale === "true"`)
		p.awaitText("#banner-text", "Hearth cannot be reached.")
		p.awaitText("#banner-text", " s old.")
		p.awaitText("#announce", "out of date")
		startAt(t, b.origin.URL(), "--admin-listen", address)
		p.await(isLive + ` && document.body.dataset.stale === "false"`)
		p.awaitText("#announce", "Connected again")
		p.await(`document.querySelector("#banner").hidden`)
	})
}
