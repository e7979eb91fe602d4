// Package telemetry sets up how the process tells about itself: logs, metrics and
// traces. It makes the three things that everything else receives as parameters:
//
//	NewLogger    *slog.Logger              JSON or text, repeating faults limited
//	NewRegistry  *prometheus.Registry      with runtime, process and build metrics
//	NewTracing   trace.TracerProvider      nothing at all unless there is an endpoint
//
// A logger and a registry live as long as the process. A [Tracing] owns the
// goroutine that sends spans; [Tracing.Close] sends what is left and waits for it.
// Everything is safe for concurrent use.
//
// A collector that cannot be reached is logged, rate limited like any fault, and
// costs spans, never a request. Setting tracing up replaces OpenTelemetry's
// process-wide error handler, which would print to stderr in a format of its own;
// no other process-wide state is touched.
//
// Which metrics and spans there are is up to the packages that own them. Log
// shipping, metric push and profiling endpoints are not here.
package telemetry
