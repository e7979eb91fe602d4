package proxy_test

import (
	"net/http"
	"testing"

	"github.com/hearthcache/hearth/internal/origintest"
)

func TestThePauseThatTheOriginAsksForIsPassedOn(t *testing.T) {
	header := func(value string) origintest.Action {
		return origintest.Status(503, "SlowDown").And(origintest.WithHeader(http.Header{"Retry-After": {value}}))
	}
	const date = "Fri, 21 Mar 2036 00:00:00 GMT"
	for name, tt := range map[string]struct {
		method, key string
		answer      origintest.Action
		status      int
		want        string
	}{
		"after all tries":            {"GET", "plain", origintest.RetryAfter(503, "SlowDown", 7), 503, "7"},
		"after all tries, immutable": {"GET", immutableKey, origintest.RetryAfter(503, "SlowDown", 7), 503, "7"},
		"of too many requests":       {"GET", "plain", origintest.RetryAfter(429, "TooManyRequests", 7), 503, "7"},
		"of a failure":               {"HEAD", "plain", origintest.RetryAfter(503, "ServiceUnavailable", 7), 503, "7"},
		"a date":                     {"GET", "plain", header(date), 503, date},
		"none":                       {"GET", "plain", origintest.Status(503, "SlowDown"), 503, "1"},
		"none that makes sense":      {"GET", "plain", header("soon"), 503, "1"},
		"of an error without one":    {"GET", "plain", origintest.Status(500, "InternalError"), 503, "1"},
		"of a read that is relayed":  {"GET", "plain?acl", origintest.RetryAfter(503, "SlowDown", 7), 503, "7"},
		"of a write":                 {"PUT", "plain", origintest.RetryAfter(503, "SlowDown", 7), 503, "7"},
		"of another write":           {"DELETE", "plain", origintest.RetryAfter(429, "TooManyRequests", 7), 429, "7"},
		"of a listing":               {"GET", "?list-type=2", origintest.RetryAfter(503, "SlowDown", 7), 503, "7"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHearth(t, func(s *setup) { s.origin.Tries = 1 })
			h.origin.Put(bucket, "plain", []byte("x"))
			h.origin.Inject(origintest.Rule{Action: tt.answer})
			a := h.ask(h.url, tt.method, "/"+bucket+"/"+tt.key, nil, nil)
			if a.Status != tt.status || len(a.Header["Retry-After"]) != 1 || a.Header.Get("Retry-After") != tt.want {
				t.Errorf("%d %v", a.Status, a.Header)
			}
		})
	}
}

func TestAnAnswerThatIsNoRefusalAsksForNoPause(t *testing.T) {
	h := newHearth(t, nil)
	if a := h.get("missing", nil); a.Status != 404 || a.Header.Get("Retry-After") != "" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
}
