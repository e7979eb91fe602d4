package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogLinesAreJSON(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, LogOptions{Level: "warn"})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("not written")
	log.With("bucket", "b").WithGroup("g").Warn("written", "bytes", 7)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	delete(line, "time")
	want := map[string]any{"level": "WARN", "msg": "written", "bucket": "b", "g": map[string]any{"bytes": 7.0}}
	if diff := cmp.Diff(line, want); diff != "" {
		t.Errorf("line (-got +want):\n%s", diff)
	}
}

func TestUnknownLogSettingsAreRefused(t *testing.T) {
	for _, o := range []LogOptions{{Level: "loud"}, {Format: "xml"}} {
		if _, err := NewLogger(io.Discard, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestRepeatingFaultsAreLimited(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	log, err := NewLogger(&out, LogOptions{now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	limiter := log.Handler().(*limitedHandler).limiter
	for range 25 {
		log.With("try", "x").Error("origin is down")
		log.Info("not limited")
	}
	log.Error("something else")
	now = now.Add(window)
	log.Error("origin is down")
	log.Error("origin is down")

	count := func(part string) int { return strings.Count(out.String(), part) }
	for part, want := range map[string]int{
		`"origin is down"`: burst + 2, `"not limited"`: 25, `"something else"`: 1, `"left_out":15`: 1, `"left_out"`: 1,
	} {
		if got := count(part); got != want {
			t.Errorf("%s: got %d lines, want %d", part, got, want)
		}
	}
	var left dto.Metric
	if err := limiter.left.Write(&left); err != nil {
		t.Fatal(err)
	}
	if got := left.GetCounter().GetValue(); got != 15 {
		t.Errorf("left out: got %v, want 15", got)
	}
}

func TestRegistryServesBuildInfo(t *testing.T) {
	reg := NewRegistry("v1.2.3")
	if _, err := NewLogger(io.Discard, LogOptions{Registerer: reg}); err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	MetricsHandler(reg).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{`version="v1.2.3"`, "go_goroutines", "hearth_telemetry_log_lines_left_out_total 0"} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

func TestTracingIsOffWithoutAnEndpoint(t *testing.T) {
	tracing, err := NewTracing(t.Context(), TraceOptions{Ratio: 1})
	if err != nil {
		t.Fatal(err)
	}
	next := http.NewServeMux()
	if got := tracing.Handler(next); got != http.Handler(next) {
		t.Error("the handler was wrapped")
	}
	if err := tracing.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := (*Tracing)(nil).Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSpansOfRequests(t *testing.T) {
	memory := tracetest.NewInMemoryExporter()
	tracing, err := NewTracing(t.Context(), TraceOptions{Ratio: 0, exporter: memory})
	if err != nil {
		t.Fatal(err)
	}
	h := tracing.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Hearth-Cache", "hit")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "12345")
	}))
	const parent = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, sampled := range []string{"00", "01"} {
		r := httptest.NewRequest("BREW", "/b/k?X-Amz-Signature=secret", nil)
		r.Header.Set("Traceparent", "00-"+parent+"-00f067aa0ba902b7-"+sampled)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if err := tracing.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := memory.GetSpans()
	if err := tracing.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if len(spans) != 1 {
		t.Fatalf("got %d spans, want that of the sampled request", len(spans))
	}
	s := spans[0]
	if got := s.SpanContext.TraceID().String(); got != parent {
		t.Errorf("trace: got %s, want %s", got, parent)
	}
	got := map[string]string{"name": s.Name}
	for _, a := range s.Attributes {
		got[string(a.Key)] = a.Value.String()
	}
	want := map[string]string{
		"name": "S3 other", "http.request.method": "other", "http.response.status_code": "503",
		"http.response.body.size": "5", "hearth.cache": "hit",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("span (-got +want):\n%s", diff)
	}
}

func TestDeadCollectorIsLogged(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	var out bytes.Buffer
	log, err := NewLogger(&out, LogOptions{Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	tracing, err := NewTracing(t.Context(), TraceOptions{Endpoint: dead.URL, Ratio: 1, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	h := tracing.Handler(http.NotFoundHandler())
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	closeErr := tracing.Close(t.Context())
	if closeErr == nil && !strings.Contains(out.String(), "spans were not sent") {
		t.Error("nobody heard that the spans were lost")
	}
}

func ExampleNewLogger() {
	log, err := NewLogger(os.Stdout, LogOptions{Format: "text"})
	if err != nil {
		fmt.Println(err)
		return
	}
	// The time would differ from run to run.
	slog.New(withoutTime{log.Handler()}).Info("listening", "listener", "s3")
	// Output: level=INFO msg=listening listener=s3
}

// withoutTime drops the time of records.
type withoutTime struct{ slog.Handler }

func (h withoutTime) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	return h.Handler.Handle(ctx, r)
}
