package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/origintest"
)

const page = "https://page.example"

// allowing makes the origin answer requests of browsers as a bucket with CORS rules does.
func allowing(h *hearth, match origintest.Match) {
	h.origin.Inject(origintest.Rule{Match: match, Action: origintest.WithHeader(http.Header{
		"Access-Control-Allow-Origin": {page}, "Access-Control-Expose-Headers": {"ETag"}, "Vary": {"Origin"},
	})})
}

func fromPage(r *origintest.Recorded) bool { return r.Header.Get("Origin") != "" }

func TestPreflightsAreAnsweredByTheOrigin(t *testing.T) {
	h := withKeys(t, func(s *setup) { s.handler.Allowed = func(name string) bool { return name != "elsewhere" } })
	ask := map[string]string{"Origin": page, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-amz-meta-a"}
	for name, target := range map[string]string{
		"of an object":       "/" + bucket + "/db/object",
		"of a bucket":        "/" + bucket,
		"of a presigned URL": "/" + bucket + "/db/object?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Signature=y&X-Amz-Security-Token=z&partNumber=1",
	} {
		t.Run(name, func(t *testing.T) {
			h.origin.Reset()
			h.origin.Inject(origintest.Rule{Match: origintest.Class("OPTIONS"), Action: origintest.Status(200, "").And(origintest.WithHeader(
				http.Header{"Access-Control-Allow-Origin": {page}, "Access-Control-Allow-Methods": {"PUT"}, "Vary": {"Origin"}}))})
			a := h.ask(h.url, "OPTIONS", target, ask, nil)
			if a.Status != 200 || a.Header.Get("Access-Control-Allow-Origin") != page || a.Header.Get("Vary") != "Origin" {
				t.Errorf("%d %v", a.Status, a.Header)
			}
			requests := h.origin.Requests()
			if len(requests) != 1 {
				t.Fatalf("%d requests", len(requests))
			}
			got := requests[0].Header
			if got.Get("Access-Control-Request-Headers") != "x-amz-meta-a" || got.Get("Authorization") != "" || strings.Contains(requests[0].RawQuery, "X-Amz-") {
				t.Errorf("sent %v ? %s", got, requests[0].RawQuery)
			}
		})
	}
	h.origin.Reset()
	for name, tt := range map[string]struct {
		target string
		header map[string]string
		status int
	}{
		"without an origin":          {"/" + bucket + "/k", map[string]string{"Access-Control-Request-Method": "PUT"}, 400},
		"without a method":           {"/" + bucket + "/k", map[string]string{"Origin": page}, 400},
		"of a bucket not served":     {"/elsewhere/k", ask, 403},
		"of no bucket":               {"/", ask, 403},
		"with a signature of nobody": {"/" + bucket + "/k", map[string]string{"Origin": page, "Access-Control-Request-Method": "PUT", "Authorization": "AWS4-HMAC-SHA256 x"}, 400},
	} {
		if a := h.ask(h.url, "OPTIONS", tt.target, tt.header, nil); a.Status != tt.status {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n := h.origin.Count(""); n != 0 {
		t.Errorf("%d of them reached the origin", n)
	}
}

func TestPagesGetTheOriginsCORSHeadersThoughTheObjectIsResident(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.Put(bucket, immutableKey, []byte("contents"))
	for _, want := range []string{"miss", "hit"} {
		if a := h.get(immutableKey, nil); a.cache() != want || a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Fatalf("%s, want %s: %v", a.cache(), want, a.Header)
		}
	}
	allowing(h, fromPage)
	for _, method := range []string{"GET", "HEAD"} {
		a := h.ask(h.url, method, "/"+bucket+"/"+immutableKey, map[string]string{"Origin": page}, nil)
		if a.Status != 200 || a.Header.Get("Access-Control-Allow-Origin") != page || a.Header.Get("Access-Control-Expose-Headers") != "ETag" ||
			a.Header.Get("Vary") != "Origin" || method == "GET" && string(a.Body) != "contents" {
			t.Errorf("%s: %d %v %s", method, a.Status, a.Header, a.Body)
		}
	}
	if a := h.get(immutableKey, nil); a.cache() != "hit" || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without a page: %s %v", a.cache(), a.Header)
	}
	if a := h.get("missing", map[string]string{"Origin": page}); a.Status != 404 || a.Header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("an error: %d %v", a.Status, a.Header)
	}
}

func TestWhatTheOriginsAnswersVaryWithIsRepeated(t *testing.T) {
	h := newHearth(t, nil)
	h.origin.PutObject(bucket, immutableKey, origintest.Object{Data: []byte("contents"), Header: http.Header{"Vary": {"Origin"}}})
	for _, want := range []string{"miss", "hit"} {
		if a := h.get(immutableKey, nil); a.cache() != want || a.Header.Get("Vary") != "Origin" {
			t.Errorf("%s, want %s: %v", a.cache(), want, a.Header)
		}
	}
}

func TestPagesMayReadTheAnswerToAFormAsTheRulesForPOSTSay(t *testing.T) {
	h := withKeys(t, nil)
	h.origin.Inject(origintest.Rule{
		Match: func(r *origintest.Recorded) bool {
			return r.Method == "OPTIONS" && r.Header.Get("Access-Control-Request-Method") == "POST"
		},
		Action: origintest.Status(200, "").And(origintest.WithHeader(http.Header{
			"Access-Control-Allow-Origin": {page}, "Access-Control-Expose-Headers": {"Location"}, "Vary": {"Origin"}, "X-Other": {"1"},
		})),
	})
	form := browserForm{key: "WRITER", secret: "writer-secret", file: []byte("x")}
	a := h.post(form, map[string]string{"Origin": page})
	if a.Status != 204 || a.Header.Get("Access-Control-Allow-Origin") != page || a.Header.Get("Access-Control-Expose-Headers") != "Location" ||
		a.Header.Get("Vary") != "Origin" || a.Header.Get("X-Other") != "" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	h.origin.Reset()
	if a := h.post(form, nil); a.Status != 204 || a.Header.Get("Access-Control-Allow-Origin") != "" || h.origin.Count("") != 1 {
		t.Errorf("without a page: %d %v", a.Status, a.Header)
	}
}

func TestLongHeadsAreRefusedAsTheOriginWould(t *testing.T) {
	h := withKeys(t, nil)
	meta := map[string]string{"x-amz-meta-a": strings.Repeat("m", 2<<10), "x-amz-meta-token": strings.Repeat("t", 4<<10)}
	if a := h.signed("ADMIN", "admin-secret", "PUT", "/"+bucket+"/k", meta, "x"); a.Status != 200 {
		t.Errorf("long metadata: %d %s", a.Status, a.Body)
	}
	h.origin.Reset()
	long := map[string]string{"x-amz-custom-header": strings.Repeat("d", 8<<10)}
	for _, target := range []string{"/" + bucket + "/k", "//" + bucket + "/k"} {
		a := h.ask(h.url, "PUT", target, long, []byte("x")) // not even signed
		if a.Status != 400 || !strings.Contains(string(a.Body), "<Code>RequestHeaderSectionTooLarge</Code>") ||
			!strings.Contains(string(a.Body), "<MaxSizeAllowed>8192</MaxSizeAllowed>") {
			t.Errorf("%s: %d %s", target, a.Status, a.Body)
		}
	}
	if h.origin.Count("") != 0 {
		t.Error("the origin was asked")
	}
}
