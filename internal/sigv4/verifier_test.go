package sigv4_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/sigv4"
)

func TestOptionsAreChecked(t *testing.T) {
	if _, err := sigv4.New(sigv4.Options{}); err == nil {
		t.Error("no keys are accepted")
	}
	if _, err := sigv4.New(sigv4.Options{Keys: staticKeys{}, MaxSkew: -1}); err == nil {
		t.Error("a negative skew is accepted")
	}
	reg := prometheus.NewRegistry()
	if _, err := sigv4.New(sigv4.Options{Keys: staticKeys{}, Metrics: reg}); err != nil {
		t.Error(err)
	}
	if _, err := sigv4.New(sigv4.Options{Keys: staticKeys{}, Metrics: reg}); err == nil {
		t.Error("metrics that are there already are accepted")
	}
}

func TestMetricsCountEveryRequestOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	v := newVerifier(t, sigv4.Options{Metrics: reg})
	good, forged, unknown := baseDraft(), baseDraft(), baseDraft()
	forged.secret, unknown.accessKey = "x", "NOBODY"
	for _, d := range []*draft{&good, &good, &forged, &unknown} {
		_, _ = v.Verify(d.request(t))
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = n
			}
		}
	}
	want := map[string]float64{
		"hearth_sigv4_requests_total ok":                    2,
		"hearth_sigv4_requests_total SignatureDoesNotMatch": 1,
		"hearth_sigv4_requests_total InvalidAccessKeyId":    1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIdentityShowsNothingSecret(t *testing.T) {
	d := signedChunks()
	id, err := newVerifier(t, sigv4.Options{}).Verify(d.request(t))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("request", "identity", id)
	for _, text := range []string{fmt.Sprint(id), fmt.Sprintf("%+v", id), fmt.Sprintf("%#v", *id), log.String(), (*sigv4.Identity)(nil).String()} {
		if strings.Contains(text, exampleSecret) {
			t.Errorf("the secret is in %s", text)
		}
	}
	if !strings.Contains(log.String(), exampleAccessKey+" (STREAMING-AWS4-HMAC-SHA256-PAYLOAD)") {
		t.Errorf("got %s", log.String())
	}
}

func TestTarget(t *testing.T) {
	for _, tt := range []struct{ target, path, query string }{
		{"/", "/", ""},
		{"/a%2Fb?x=%2f&y", "/a%2Fb", "x=%2f&y"},
		{"//a//../b", "//a//../b", ""},
		{"/a?b?c", "/a", "b?c"},
		{"http://host:1/a/b?c", "/a/b", "c"},
		{"http://host?c", "/", "c"},
		{"http://host", "/", ""},
	} {
		path, query, err := sigv4.Target(&http.Request{RequestURI: tt.target})
		if err != nil || path != tt.path || query != tt.query {
			t.Errorf("%s: got %q, %q, %v", tt.target, path, query, err)
		}
	}
	for _, target := range []string{"", "*", "host:443", "?x"} {
		if _, _, err := sigv4.Target(&http.Request{RequestURI: target}); codeOf(err) != sigv4.CodeInvalidURI {
			t.Errorf("%q: got %v", target, err)
		}
	}
}

func TestOneVerifierForManyClients(t *testing.T) {
	v := newVerifier(t, sigv4.Options{Keys: staticKeys{exampleAccessKey: exampleSecret, "OTHERKEY": "another-secret-key"}})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				d := chunkedDraft(true, true)
				d.path = fmt.Sprintf("/lake/%d/%d", g, i)
				if g%2 == 1 {
					d.accessKey, d.secret = "OTHERKEY", "another-secret-key"
				}
				d.region = fmt.Sprintf("region-%d", i%5)
				forge := i%10 == 9
				if forge {
					d.secret += "!"
				}
				_, err := readAll(v, d.request(t))
				if (err != nil) != forge {
					t.Errorf("%s: %v", d.path, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestHTTP2 puts the verifier behind net/http's other parser, where the host is a
// pseudo header.
func TestHTTP2(t *testing.T) {
	rec := newRecorder(t, overHTTP2)
	c := rec.client()
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("lake"), Key: aws.String("a b//c"), Body: strings.NewReader("over HTTP/2")})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("lake"), Key: aws.String("a b//c"), Range: aws.String("bytes=0-1")})
	seen := rec.take(t)
	if len(seen) != 2 || seen[0].Body != "over HTTP/2" || seen[0].Proto != "HTTP/2.0" {
		t.Errorf("got %+v", seen)
	}
}

func TestErrorIsFoundThroughWrapping(t *testing.T) {
	d := baseDraft()
	_, err := newVerifier(t, sigv4.Options{Now: func() time.Time { return exampleTime.Add(time.Hour) }}).Verify(d.request(t))
	wrapped := fmt.Errorf("verify: %w", err)
	e, ok := errors.AsType[*sigv4.Error](wrapped)
	if !ok || e.Status != http.StatusForbidden {
		t.Fatalf("got %v", err)
	}
	want := []sigv4.Detail{
		{Name: "RequestTime", Value: "20130524T000000Z"},
		{Name: "ServerTime", Value: "2013-05-24T01:00:00Z"},
		{Name: "MaxAllowedSkewMilliseconds", Value: "900000"},
	}
	if diff := cmp.Diff(want, e.Details); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}
