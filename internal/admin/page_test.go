package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/admin"
	"github.com/hearthcache/hearth/internal/dashboard"
	"github.com/hearthcache/hearth/warm"
)

func TestThePageIsForEverybodyWhereCallsNeedAToken(t *testing.T) {
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) { o.Token = "open-sesame" })
	for _, path := range []string{"/", "/ui/app.js", "/ui/style.css"} {
		for _, header := range [][]string{nil, {"Host", "hearth.example"}, {"Authorization", "Bearer wrong"}} {
			a := w.call("GET", path, "", header...)
			if a.status != http.StatusOK || a.header.Get("Content-Security-Policy") != dashboard.Policy || strings.Contains(string(a.body), "open-sesame") {
				t.Errorf("%s %v: got %d %v", path, header, a.status, a.header)
			}
		}
	}
	for _, path := range []string{"/ui", "/stats", "//", "/x/../ui/app.js"} {
		if a := w.call("GET", path, ""); a.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d", path, a.status)
		}
	}
	if a := w.call("POST", "/", "{}"); a.status != http.StatusMethodNotAllowed {
		t.Errorf("got %d", a.status)
	}
	if a := w.call("GET", "/metrics", ""); !strings.Contains(string(a.body), `hearth_admin_requests_total{route="GET /ui/*",status="2xx"} 6`+"\n") {
		t.Error("the files are not counted")
	}
}

func TestThePageIsForThisMachineWithoutAToken(t *testing.T) {
	w := newWorld(t, nil)
	link := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for _, c := range []struct {
		name, path string
		header     []string
		status     int
	}{
		{"the address bar", "/", []string{"Sec-Fetch-Site", "none"}, 200},
		{"its own modules", "/ui/app.js", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"a link of another site", "/", link, 200},
		{"a link to a module", "/ui/app.js", link, 403},
		{"a link to a call", "/stats", link, 403},
		{"a frame of another site", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"a script of another site", "/ui/app.js", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "script"}, 403},
		{"a rebound name", "/", []string{"Host", "evil.example"}, 403},
		{"a link to a rebound name", "/", append([]string{"Host", "evil.example"}, link...), 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := w.call("GET", c.path, "", c.header...); a.status != c.status {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
}
