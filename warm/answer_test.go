package warm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/warm"
)

func TestAnswerInJSON(t *testing.T) {
	a := warm.Answer{
		Path: "s3://lake/a/", State: warm.Failed, Found: warm.FoundCold, Job: "x", Error: warm.ProblemOf(warm.ErrOrigin),
		Receipt: warm.Receipt{Objects: 2, Requests: warm.Requests{List: 1}, Elapsed: warm.Duration(1500 * time.Millisecond)},
	}
	got, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"path":"s3://lake/a/","state":"failed","found":"cold","published":false,"job":"x",` +
		`"error":{"code":"origin_failed","message":"warm: origin failed"},` +
		`"receipt":{"objects":2,"bytes":0,"pages":0,"resident_objects":0,"resident_bytes":0,"resident_pages":0,` +
		`"requests":{"list":1,"get":0,"head":0},"source":{"origin_bytes":0,"write_through_bytes":0,"already_bytes":0},"rounds":0,"elapsed":"1.5s"}}`
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
	var back warm.Answer
	if err := json.Unmarshal(got, &back); err != nil || cmp.Diff(back, a) != "" {
		t.Errorf("back: %s, %v", cmp.Diff(back, a), err)
	}
	for _, bad := range []string{`1`, `"1"`, `"x"`} {
		if json.Unmarshal([]byte(bad), new(warm.Duration)) == nil {
			t.Errorf("%s became a duration", bad)
		}
	}
}

func TestEveryErrorHasACode(t *testing.T) {
	for err, code := range map[error]string{
		nil: "", warm.ErrInvalid: "invalid_request", warm.ErrNotFound: "not_found", warm.ErrForbidden: "bucket_not_allowed",
		warm.ErrOrigin: "origin_failed", warm.ErrQueueFull: "queue_full", warm.ErrTooManyPins: "too_many_pins",
		warm.ErrBypassed: "bypassed", warm.ErrNoJob: "no_such_job", warm.ErrClosed: "shutting_down", errors.ErrUnsupported: "internal",
	} {
		if got := warm.Code(err); got != code {
			t.Errorf("%v: got %q, want %q", err, got, code)
		}
		if err != nil && warm.Code(fmt.Errorf("x: %w", err)) != code {
			t.Errorf("%v loses its code when wrapped", err)
		}
	}
	p := warm.ProblemOf(fmt.Errorf("x: %w", &warm.FieldError{Field: "wait", Message: "is odd"}))
	if diff := cmp.Diff(p, &warm.Problem{Code: "invalid_request", Message: "x: warm: wait: is odd", Field: "wait"}); diff != "" {
		t.Errorf("got, want:\n%s", diff)
	}
}
