package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A fault that repeats is written burst times in a window; the first line of a
// later window says how many were left out. Ten lines are enough to see a pattern,
// and ten seconds short enough that the end of a fault shows.
const (
	burst  = 10
	window = 10 * time.Second
)

// LogOptions configure [NewLogger].
type LogOptions struct {
	// Level is debug, info, warn or error; empty means info.
	Level string
	// Format is json or text; empty means json.
	Format string
	// Registerer receives the count of lines left out; nil keeps it unregistered.
	Registerer prometheus.Registerer

	now func() time.Time
}

// NewLogger returns a logger that writes lines to w, one Write call each.
// Warnings and errors with the same message are rate limited.
func NewLogger(w io.Writer, o LogOptions) (*slog.Logger, error) {
	var level slog.Level
	if o.Level != "" {
		if err := level.UnmarshalText([]byte(o.Level)); err != nil {
			return nil, fmt.Errorf("telemetry: log level: %w", err)
		}
	}
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler
	switch o.Format {
	case "", "json":
		h = slog.NewJSONHandler(w, options)
	case "text":
		h = slog.NewTextHandler(w, options)
	default:
		return nil, fmt.Errorf("telemetry: log format %q is not json or text", o.Format)
	}
	l := &limiter{now: o.now, left: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hearth_telemetry_log_lines_left_out_total",
		Help: "Warnings and errors that were not written because the same message had just been, many times.",
	})}
	if l.now == nil {
		l.now = time.Now
	}
	l.mu.seen = map[string]*repeats{}
	if o.Registerer != nil {
		if err := o.Registerer.Register(l.left); err != nil {
			return nil, fmt.Errorf("telemetry: %w", err)
		}
	}
	return slog.New(&limitedHandler{Handler: h, limiter: l}), nil
}

// limitedHandler passes what its limiter lets through.
type limitedHandler struct {
	slog.Handler
	limiter *limiter
}

func (h *limitedHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		pass, leftOut := h.limiter.admit(r.Message)
		if !pass {
			return nil
		}
		if leftOut > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int("left_out", leftOut))
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h *limitedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limitedHandler{h.Handler.WithAttrs(attrs), h.limiter}
}

func (h *limitedHandler) WithGroup(name string) slog.Handler {
	return &limitedHandler{h.Handler.WithGroup(name), h.limiter}
}

// limiter counts messages. Messages are constants of the program, so the map is
// as small as the program.
type limiter struct {
	now  func() time.Time
	left prometheus.Counter
	mu   struct {
		sync.Mutex
		seen map[string]*repeats
	}
}

type repeats struct {
	begin   time.Time
	written int
	leftOut int
}

// admit reports whether a line with this message may be written, and how many
// were left out since the last one that was.
func (l *limiter) admit(message string) (pass bool, leftOut int) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.mu.seen[message]
	if r == nil {
		r = &repeats{begin: now}
		l.mu.seen[message] = r
	}
	if now.Sub(r.begin) >= window {
		leftOut = r.leftOut
		*r = repeats{begin: now}
	}
	if r.written >= burst {
		r.leftOut++
		l.left.Inc()
		return false, 0
	}
	r.written++
	return true, leftOut
}
