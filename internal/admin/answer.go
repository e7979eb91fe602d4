package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/hearthcache/hearth/warm"
)

// writeTimeout bounds the writing of an answer, or of one event.
const writeTimeout = 30 * time.Second

// failure is an error with the status that answers it.
type failure struct {
	status  int
	problem warm.Problem
	written *written // of a request that brought rows, which may have done a part
}

func (f *failure) Error() string { return "admin: " + f.problem.Message }

func fault(status int, code, message string) *failure {
	return &failure{status: status, problem: warm.Problem{Code: code, Message: message}}
}

// faultIn is a 400 that names a field or parameter.
func faultIn(field, message string) *failure {
	return &failure{status: http.StatusBadRequest, problem: warm.Problem{Code: "invalid_request", Message: message, Field: field}}
}

// statusOf is the status that answers an error of package warm.
func statusOf(err error) int {
	for _, c := range []struct {
		kind   error
		status int
	}{
		{warm.ErrInvalid, http.StatusBadRequest},
		{warm.ErrNotFound, http.StatusNotFound},
		{warm.ErrNoJob, http.StatusNotFound},
		{warm.ErrForbidden, http.StatusForbidden},
		{warm.ErrQueueFull, http.StatusTooManyRequests},
		{warm.ErrTooManyPins, http.StatusConflict},
		{warm.ErrBypassed, http.StatusConflict},
		{warm.ErrClosed, http.StatusServiceUnavailable},
		{warm.ErrOrigin, http.StatusBadGateway},
	} {
		if errors.Is(err, c.kind) {
			return c.status
		}
	}
	return http.StatusInternalServerError
}

// fail answers an error. Who has left gets nothing.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{status: statusOf(err), problem: *warm.ProblemOf(err)}
	}
	if f.status >= http.StatusInternalServerError {
		a.log.Warn("admin request failed", "method", r.Method, "path", r.URL.Path, "status", f.status, "err", err)
	}
	writeFailure(w, f)
}

func writeFailure(w http.ResponseWriter, f *failure) {
	if f.status == http.StatusTooManyRequests || f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, f.status, struct {
		Error   warm.Problem `json:"error"`
		Written *written     `json:"written,omitempty"`
	}{f.problem, f.written})
}

// writeJSON answers with v, which always can be encoded.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	// Writers that know no deadline (tests) need none.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone; nobody is left to tell
}
