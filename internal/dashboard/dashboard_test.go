package dashboard

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func ask(t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	h, err := New()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryFileIsServedAsWhatItIs(t *testing.T) {
	entries, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := Assets + e.Name()
		if e.Name() == page {
			name = Root
		}
		r := ask(t, "GET", name)
		h := r.Header
		if r.StatusCode != 200 || h.Get("Content-Security-Policy") != Policy || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Cache-Control") != "no-cache" || h.Get("X-Frame-Options") != "DENY" || h.Get("ETag") == "" || body(t, r) == "" {
			t.Errorf("%s: got %d %v", name, r.StatusCode, h)
		}
		if head := ask(t, "HEAD", name); head.StatusCode != 200 || body(t, head) != "" || head.Header.Get("Content-Length") != h.Get("Content-Length") {
			t.Errorf("HEAD %s: got %d %v", name, head.StatusCode, head.Header)
		}
		for _, tag := range []string{h.Get("ETag"), `"x", ` + h.Get("ETag"), "*"} {
			if again := ask(t, "GET", name, "If-None-Match", tag); again.StatusCode != http.StatusNotModified || body(t, again) != "" ||
				again.Header.Get("ETag") != h.Get("ETag") {
				t.Errorf("%s, If-None-Match %s: got %d", name, tag, again.StatusCode)
			}
		}
		if other := ask(t, "GET", name, "If-None-Match", `"x"`); other.StatusCode != 200 {
			t.Errorf("%s, another tag: got %d", name, other.StatusCode)
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for _, path := range []string{"/index.html", "/ui/index.html", "/ui/", "/ui/nothing.js", "/ui/../ui/app.js", "/ui//app.js", "/files/app.js"} {
		if r := ask(t, "GET", path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d", path, r.StatusCode)
		}
	}
	if r := ask(t, "POST", Root); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") == "" {
		t.Errorf("POST: got %d %v", r.StatusCode, r.Header)
	}
}

// The browser would refuse these, aloud; a test is where to hear of it first.
func TestFilesKeepToThePolicy(t *testing.T) {
	entries, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	inline := regexp.MustCompile(`(?i)<style|\sstyle\s*=|\son[a-z]+\s*=\s*["']|javascript:|<script(?:[^>]*)>[^<]`)
	outside := regexp.MustCompile(`(?i)(?:src|href|url\(|import\()\s*=?\s*["'(]?\s*(?:https?:)?//`)
	importing := regexp.MustCompile(`(?m)^(?:import|export) [^;]*from "([^"]+)"`)
	loading := regexp.MustCompile(`(?:src|href)="(/ui/[^"]+)"`)
	for _, e := range entries {
		contents, err := files.ReadFile("files/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := string(contents)
		if strings.HasSuffix(e.Name(), ".html") && inline.MatchString(text) {
			t.Errorf("%s has something inline: %q", e.Name(), inline.FindString(text))
		}
		if outside.MatchString(text) {
			t.Errorf("%s loads something from elsewhere: %q", e.Name(), outside.FindString(text))
		}
		if strings.HasSuffix(e.Name(), ".js") && regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`).MatchString(text) {
			t.Errorf("%s makes elements or code of text", e.Name())
		}
		for _, m := range importing.FindAllStringSubmatch(text, -1) {
			if name := strings.TrimPrefix(m[1], "./"); !strings.HasPrefix(m[1], "./") || ask(t, "GET", Assets+name).StatusCode != 200 {
				t.Errorf("%s imports %s, which is not there", e.Name(), m[1])
			}
		}
		for _, m := range loading.FindAllStringSubmatch(text, -1) {
			if ask(t, "GET", m[1]).StatusCode != 200 {
				t.Errorf("%s loads %s, which is not there", e.Name(), m[1])
			}
		}
	}
}

func TestTheDashboardIsSmall(t *testing.T) {
	entries, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	if sum > 128<<10 {
		t.Errorf("its files have %d bytes", sum)
	}
}
