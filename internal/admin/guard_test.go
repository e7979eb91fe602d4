package admin_test

import (
	"net/http"
	"testing"

	"github.com/hearthcache/hearth/internal/admin"
	"github.com/hearthcache/hearth/warm"
)

func TestToken(t *testing.T) {
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) { o.Token = "open-sesame" })
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"the token", []string{"Authorization", "Bearer open-sesame"}, 200},
		{"the scheme in other letters", []string{"Authorization", "bearer open-sesame"}, 200},
		{"nothing", nil, 401},
		{"an empty header", []string{"Authorization", ""}, 401},
		{"the scheme alone", []string{"Authorization", "Bearer"}, 401},
		{"an empty token", []string{"Authorization", "Bearer "}, 401},
		{"the beginning of it", []string{"Authorization", "Bearer open"}, 401},
		{"more than it", []string{"Authorization", "Bearer open-sesame!"}, 401},
		{"other letters", []string{"Authorization", "Bearer Open-Sesame"}, 401},
		{"the token alone", []string{"Authorization", "open-sesame"}, 401},
		{"another scheme", []string{"Authorization", "Basic open-sesame"}, 401},
		{"twice, once wrong", []string{"Authorization", "Bearer open-sesame", "Authorization", "Bearer x"}, 401},
		{"a strange host with the token", []string{"Authorization", "Bearer open-sesame", "Host", "hearth.svc"}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.call("GET", "/stats", "", c.header...)
			if a.status != c.status {
				t.Errorf("got %d %s", a.status, a.body)
			}
			if c.status == 401 && (a.header.Get("WWW-Authenticate") == "" || a.field("error.code") != "unauthorized") {
				t.Errorf("got %v %s", a.header, a.body)
			}
		})
	}
	for _, path := range []string{"/warm", "/warm/x", "/explain?path=s3://lake/a", "/generations", "/config", "/nothing"} {
		if a := w.call("GET", path, ""); a.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d", path, a.status)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if a := w.call("GET", path, ""); a.status != http.StatusOK {
			t.Errorf("%s asks for a token: %d", path, a.status)
		}
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) { o.Hosts = []string{"Hearth.Pod."} })
	for _, c := range []struct {
		name   string
		header []string
		code   any
	}{
		{"curl", nil, nil},
		{"localhost", []string{"Host", "localhost:9001"}, nil},
		{"localhost with a dot", []string{"Host", "LOCALHOST."}, nil},
		{"a name below localhost", []string{"Host", "hearth.localhost:9001"}, nil},
		{"an address", []string{"Host", "10.1.2.3:9001"}, nil},
		{"an IPv6 address", []string{"Host", "[::1]:9001"}, nil},
		{"an IPv6 address without port", []string{"Host", "[::1]"}, nil},
		{"the configured name", []string{"Host", "hearth.pod:80"}, nil},
		{"a rebound name", []string{"Host", "evil.example:9001"}, "host_not_allowed"},
		{"a name that looks like an address", []string{"Host", "127.0.0.1.evil.example"}, "host_not_allowed"},
		{"a name that ends like localhost", []string{"Host", "evillocalhost"}, "host_not_allowed"},
		{"typed into the address bar", []string{"Sec-Fetch-Site", "none"}, nil},
		{"our own page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:9001", "Host", "127.0.0.1:9001"}, nil},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, "cross_site"},
		{"another port", []string{"Sec-Fetch-Site", "same-site"}, "cross_site"},
		{"a foreign origin", []string{"Origin", "http://evil.example"}, "cross_site"},
		{"the origin of a file", []string{"Origin", "null"}, "cross_site"},
		{"an extension", []string{"Origin", "chrome-extension://127.0.0.1:9001", "Host", "127.0.0.1:9001"}, "cross_site"},
		{"an origin on another port", []string{"Origin", "http://127.0.0.1:80", "Host", "127.0.0.1:9001"}, "cross_site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range [][3]string{{"POST", "/bypass", `{"on":false}`}, {"GET", "/stats", ""}} {
				a := w.call(r[0], r[1], r[2], c.header...)
				want := http.StatusOK
				if c.code != nil {
					want = http.StatusForbidden
				}
				if a.status != want || a.field("error.code") != c.code {
					t.Errorf("%s %s: got %d %s", r[0], r[1], a.status, a.body)
				}
			}
		})
	}
}
