package warm

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy/object"
)

// The decisions a caller can take. Match them with [errors.Is].
var (
	// ErrInvalid: the request cannot be meant. The error is a [*FieldError].
	ErrInvalid = errors.New("warm: invalid request")
	// ErrNotFound: the origin has nothing at or below the path.
	ErrNotFound = errors.New("warm: nothing below the path")
	// ErrForbidden: the bucket is not on the allow-list.
	ErrForbidden = errors.New("warm: bucket not allowed")
	// ErrOrigin: the origin could not be listed or read. Calling again goes on from
	// where this ended.
	ErrOrigin = errors.New("warm: origin failed")
	// ErrQueueFull: too many jobs wait already. Call again later.
	ErrQueueFull = errors.New("warm: queue full")
	// ErrTooManyPins: no further path can be pinned.
	ErrTooManyPins = errors.New("warm: too many pinned paths")
	// ErrBypassed: the cache is switched off, so nothing can be warm.
	ErrBypassed = errors.New("warm: the cache is switched off")
	// ErrNoJob: no job has that id, or it was forgotten.
	ErrNoJob = errors.New("warm: no such job")
	// ErrClosed: the Warmer was closed.
	ErrClosed = errors.New("warm: closed")
)

// Causes that end a job early and are its caller's own wish, not a failure.
var (
	errCancelled = errors.New("warm: cancelled")
	errDeadline  = errors.New("warm: deadline passed")
)

// A FieldError says which field of a request is wrong, by its name in JSON.
type FieldError struct {
	Field   string
	Message string
}

func (e *FieldError) Error() string { return fmt.Sprintf("warm: %s: %s", e.Field, e.Message) }

// Unwrap returns ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }

// isField reports whether err names a field of the request that is wrong.
func isField(err error) bool {
	_, ok := errors.AsType[*FieldError](err)
	return ok
}

// Code returns the word that stands for err in answers of the admin API; empty for nil.
func Code(err error) string {
	for _, c := range []struct {
		kind error
		code string
	}{
		{ErrInvalid, "invalid_request"},
		{ErrNotFound, "not_found"},
		{ErrForbidden, "bucket_not_allowed"},
		{ErrQueueFull, "queue_full"},
		{ErrTooManyPins, "too_many_pins"},
		{ErrBypassed, "bypassed"},
		{ErrNoJob, "no_such_job"},
		{ErrClosed, "shutting_down"},
		{ErrOrigin, "origin_failed"},
	} {
		if errors.Is(err, c.kind) {
			return c.code
		}
	}
	if err == nil {
		return ""
	}
	return "internal"
}

// ProblemOf describes err for an answer.
func ProblemOf(err error) *Problem {
	p := &Problem{Code: Code(err), Message: err.Error()}
	if field, ok := errors.AsType[*FieldError](err); ok {
		p.Field = field.Field
	}
	return p
}

// trouble is what an error of a listing or a load means for the job.
type trouble uint8

const (
	// troubleEnded: the job's own context ended.
	troubleEnded trouble = iota
	// troubleChanged: the object is not what was listed any more; list again.
	troubleChanged
	// troubleNoSpace: the cache has no memory to spare.
	troubleNoSpace
	// troubleObject: this object cannot be had; others may.
	troubleObject
	// troubleOrigin: the origin is ill; asking for more makes it worse.
	troubleOrigin
)

func diagnose(ctx context.Context, err error) trouble {
	switch {
	case ctx.Err() != nil:
		return troubleEnded
	case errors.Is(err, pagecache.ErrClosed):
		return troubleEnded
	case errors.Is(err, object.ErrChanged), errors.Is(err, origin.ErrChanged), errors.Is(err, origin.ErrNotFound),
		errors.Is(err, pagecache.ErrChanged):
		return troubleChanged
	case errors.Is(err, pagecache.ErrNoSpace):
		return troubleNoSpace
	case errors.Is(err, origin.ErrUnavailable), errors.Is(err, origin.ErrThrottled):
		return troubleOrigin
	default:
		return troubleObject
	}
}

// listError turns an error of a listing into one of this package's.
func listError(ctx context.Context, path Path, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	status, answered := errors.AsType[*origin.StatusError](err)
	switch {
	case errors.Is(err, origin.ErrBucketNotAllowed):
		return fmt.Errorf("%w: %s", ErrForbidden, path.Bucket)
	case errors.Is(err, origin.ErrInvalid):
		return &FieldError{Field: "path", Message: err.Error()}
	case errors.Is(err, origin.ErrNotFound), answered && status.Status == 404:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	default:
		return fmt.Errorf("%w: list %s: %w", ErrOrigin, path, err)
	}
}
