package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/hearthcache/hearth/warm"
)

const eventStream = "text/event-stream"

// stream sends the status of a job as server-sent events: "progress" while it waits and
// runs, at most ten a second, and one "done" at its end.
func (a *api) stream(w http.ResponseWriter, r *http.Request, id string) error {
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		return fault(http.StatusTooManyRequests, "too_many_streams", fmt.Sprintf("%d clients follow jobs already", cap(a.streams)))
	}
	control := http.NewResponseController(w)
	began := false
	n := 0
	err := a.Warmer.Follow(r.Context(), id, func(s warm.Status) error {
		if !began {
			began = true
			h := w.Header()
			h.Set("Content-Type", eventStream)
			h.Set("Cache-Control", "no-store")
			h.Set("X-Accel-Buffering", "no") // a proxy in between must not collect events
			h.Set("X-Content-Type-Options", "nosniff")
			w.WriteHeader(http.StatusOK)
		}
		data, err := json.Marshal(s)
		if err != nil {
			return err
		}
		n++
		event := "progress"
		if s.Finished != nil {
			event = "done"
		}
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has one
		if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", n, event, data); err != nil {
			return err
		}
		return control.Flush()
	})
	if err != nil && began {
		panic(http.ErrAbortHandler) // the stream is cut: it must not look ended
	}
	return err
}
