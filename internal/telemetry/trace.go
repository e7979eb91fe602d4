package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TraceOptions configure [NewTracing].
type TraceOptions struct {
	// Endpoint is the URL of an OTLP/HTTP collector; empty means no tracing.
	Endpoint string
	// Ratio is the share of requests that begin a trace, 0 to 1. A request that
	// is part of a trace already follows its sender's decision.
	Ratio float64
	// Version is the version of the program.
	Version string
	// Logger hears of spans that could not be sent; nil discards.
	Logger *slog.Logger

	exporter sdktrace.SpanExporter // in tests, instead of Endpoint
}

// Tracing makes spans for requests and sends them. The zero value, and nil, trace
// nothing.
type Tracing struct {
	provider *sdktrace.TracerProvider // nil: off
	tracer   trace.Tracer
	context  propagation.TraceContext
}

// NewTracing returns a Tracing; without an endpoint, one that does nothing. It
// does not wait for the collector.
func NewTracing(ctx context.Context, o TraceOptions) (*Tracing, error) {
	exporter := o.exporter
	if exporter == nil {
		if o.Endpoint == "" {
			return &Tracing{}, nil
		}
		var err error
		if exporter, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint)); err != nil {
			return nil, fmt.Errorf("telemetry: trace endpoint: %w", err)
		}
	}
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("spans were not sent", slog.Any("err", err))
	}))
	res := resource.NewSchemaless(
		attribute.String("service.name", "hearth"), attribute.String("service.version", o.Version))
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Ratio))),
		sdktrace.WithResource(res),
	)
	return &Tracing{provider: provider, tracer: provider.Tracer("github.com/hearthcache/hearth")}, nil
}

// closeTimeout bounds the last sending of spans, so that a dead collector does
// not hold up the end of the process.
const closeTimeout = 3 * time.Second

// Close sends the spans that are left and stops. It may be called twice.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil || t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("telemetry: send the last spans: %w", err)
	}
	return nil
}

// Handler returns next with a span around each sampled request, continuing the
// trace that a traceparent header names. While tracing is off it returns next
// itself, so that the path of a request is not one call longer.
//
// A span holds method, status, bytes sent and X-Hearth-Cache; no path and no
// query, which may carry a signature.
func (t *Tracing) Handler(next http.Handler) http.Handler {
	if t == nil || t.provider == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := t.context.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, "S3 "+method(r.Method), trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		if !span.IsRecording() {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r.WithContext(ctx))
		span.SetAttributes(
			attribute.String("http.request.method", method(r.Method)),
			attribute.Int("http.response.status_code", rec.status),
			attribute.Int64("http.response.body.size", rec.bytes),
			attribute.String("hearth.cache", w.Header().Get("X-Hearth-Cache")),
		)
		if rec.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(rec.status))
		}
	})
}

// method keeps names of spans a small set, whatever a client sends.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
		return m
	default:
		return "other"
	}
}

// recorder remembers status and length of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
