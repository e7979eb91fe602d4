package e2e

import (
	"bytes"
	"flag"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the pictures of docs/images anew")

// maxPicture bounds a picture in the documentation, in bytes.
const maxPicture = 200 << 10

// TestScreenshots makes the pictures of docs/images: go test ./e2e -run Screenshots -update.
// Without -update it only looks at those that are there.
func TestScreenshots(t *testing.T) {
	folder := filepath.Join(here, "..", "docs", "images")
	names := []string{"dashboard-light.png", "dashboard-dark.png", "dashboard-phone.png"}
	if !*update {
		for _, name := range names {
			if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() > maxPicture {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		return
	}
	b := startBoard(t)
	var pinned, part string
	for _, g := range b.table(t) {
		switch {
		case strings.HasSuffix(g, "_gen_4/"):
			pinned = g
		case strings.HasSuffix(g, "_gen_3/"):
			part = g
		}
	}
	for _, body := range []string{
		`"path": "` + dashTable + `", "roles": ["open"]`, `"path": "` + pinned + `", "pin": true`,
		`"path": "` + part + `", "roles": ["open", "blocklist", "pk", "scalar"]`,
	} {
		if status, text := b.call(t, "POST", "/warm", `{`+body+`, "wait": "60s"}`); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	for _, span := range []string{"0-900000", "1500000-1560000", "2200000-3400000", "4100000-4110000", "5000000-6399999"} {
		b.read(t, "exports/whole.bin", span)
	}
	page := openTab(t, startChromium(t))
	page.size(1220, 1160)
	page.prefer("prefers-color-scheme", "light")
	page.open(b.Admin + "/#" + dashGen)
	page.await(`document.querySelector("#connection").dataset.state === "live"`)
	// Some minutes of reads in little time: what the sparklines show is real.
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	vectors := ""
	for _, key := range b.origin.Keys("lake", "db/items.lance/"+itemsGen) {
		if strings.HasSuffix(key, "/index.idx") {
			vectors = key
		}
	}
	keys := b.origin.Keys("lake", "exports/2026/")
	for i := range 100 {
		for range 1 + i%7 {
			b.read(t, "db/items.lance/"+itemsGen+"bloom_filter.bin", "")
			b.read(t, vectors, "")
		}
		if i%10 == 3 {
			b.read(t, keys[i/10], "")
		}
		<-ticker.C
	}
	b.hold(9)
	page.fill("#warm-path", "s3://lake/exports/2026")
	page.click("#warm-form button")
	page.await(`Number(document.querySelector("#jobs .bar")?.getAttribute("aria-valuenow")) > 0`)
	page.fill("#open-path", "s3://lake/exports/whole.bin")
	page.click("#open-form button")
	page.await(`document.querySelector("#strips canvas")`)
	for _, shot := range []struct {
		name, theme   string
		width, height int64
	}{
		{"dashboard-light.png", "light", 1220, 1160},
		{"dashboard-dark.png", "dark", 1220, 1160},
		{"dashboard-phone.png", "light", 360, 1100},
	} {
		page.prefer("prefers-color-scheme", shot.theme)
		page.size(shot.width, shot.height)
		page.await(`document.querySelector("#toasts").children.length === 0 && (scrollTo(0, 0), document.activeElement.blur(), scrollY === 0)`)
		taken, err := chromedp.Run(page.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		packed := smaller(t, taken)
		if len(packed) > maxPicture {
			t.Errorf("%s has %d bytes", shot.name, len(packed))
		}
		if err := os.WriteFile(filepath.Join(folder, shot.name), packed, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.release()
}

// smaller packs a picture as well as can be.
func smaller(t *testing.T, taken []byte) []byte {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(taken))
	if err != nil {
		t.Fatal(err)
	}
	// Six bits of each color are enough for the eye, and take less room.
	coarse := image.NewRGBA(picture.Bounds())
	draw.Draw(coarse, coarse.Bounds(), picture, picture.Bounds().Min, draw.Src)
	for i, v := range coarse.Pix {
		coarse.Pix[i] = v&^3 | v>>6
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, coarse); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
