package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/hearthcache/hearth/warm"
)

// warmBody is the body of POST /warm.
type warmBody struct {
	path, uri      string
	wait, deadline time.Duration
	pin, decode    *bool
	budgetBytes    int64

	generation, sstable string
	roles, pkColumns    []string
	priority            string
	fanout              *bool
}

func (b *warmBody) fields() fields {
	return fields{
		"path": intoString(&b.path), "uri": intoString(&b.uri),
		"generation": intoString(&b.generation), "sstable": intoString(&b.sstable),
		"roles": intoStrings(&b.roles), "pk_columns": intoStrings(&b.pkColumns), "priority": intoString(&b.priority),
		"fanout": intoBool(&b.fanout), "decode": intoBool(&b.decode),
		"wait": intoDuration(&b.wait), "deadline": intoDuration(&b.deadline),
		"pin": intoBool(&b.pin), "budget_bytes": intoBytes(&b.budgetBytes),
	}
}

// warm makes a path resident.
//
//	POST /warm
//	{"path": "s3://bucket/prefix", "wait": "10s", "deadline": "5m", "pin": true, "budget_bytes": 1073741824}
//
// path (or uri, generation, sstable) is a directory, an object or a whole bucket; the
// others are optional, and so are "roles": ["pk"], "pk_columns": ["id"], "priority": "high",
// "decode": true, which decodes generations for the engine, and "fanout": true, which asks the
// peers too and adds "peers" to the answer.
// The answer is a warm.Answer: 200 if the job has ended or wait has passed, 202 if wait
// is 0 and a job was begun. With 404 and 502 it comes too, saying what was done, with
// the error in it.
func (a *api) warm(w http.ResponseWriter, r *http.Request) error {
	var b warmBody
	if err := readObject(w, r, b.fields()); err != nil {
		return err
	}
	request, err := a.request(&b)
	if err != nil {
		return err
	}
	if b.fanout != nil && *b.fanout {
		return a.fanOut(w, r, &b, request)
	}
	answer, err := a.Warmer.Warm(r.Context(), request)
	switch {
	case answer == nil:
		return err
	case err != nil:
		writeJSON(w, statusOf(err), answer)
	case answer.State == warm.Warming && b.wait == 0:
		w.Header().Set("Location", "/warm/"+answer.Job)
		writeJSON(w, http.StatusAccepted, answer)
	default:
		writeJSON(w, http.StatusOK, answer)
	}
	return nil
}

// request makes of a body what package warm is asked.
func (a *api) request(b *warmBody) (warm.Request, error) {
	r := warm.Request{Wait: b.wait, Deadline: b.deadline, Pin: b.pin, Decode: b.decode, BudgetBytes: b.budgetBytes, PKColumns: b.pkColumns}
	field, value := "path", b.path
	for _, synonym := range []struct{ field, value string }{
		{"uri", b.uri}, {"generation", b.generation}, {"sstable", b.sstable},
	} {
		if synonym.value == "" {
			continue
		}
		if value != "" {
			return r, faultIn(synonym.field, field+" is given too: they mean the same")
		}
		field, value = synonym.field, synonym.value
	}
	var err error
	if r.Path, err = a.pathIn(field, value); err != nil {
		return r, err
	}
	for _, name := range b.roles {
		role, err := warm.ParseRole(name)
		if err != nil {
			return r, err
		}
		r.Roles = append(r.Roles, role)
	}
	r.Priority, err = warm.ParsePriority(b.priority)
	return r, err
}

// jobs lists the jobs that wait, run, or are remembered, newest first.
//
//	GET /warm
//	{"jobs": [...], "stats": {...}}
func (a *api) jobs(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r, nil); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct {
		Jobs  []warm.Status `json:"jobs"`
		Stats warm.Stats    `json:"stats"`
	}{a.Warmer.Jobs(), a.Warmer.Stats()})
	return nil
}

// job returns one job: a warm.Status, or with "Accept: text/event-stream" a stream of
// them that ends with the job.
//
//	GET /warm/{id}
func (a *api) job(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r, nil); err != nil {
		return err
	}
	id := chi.URLParam(r, "id")
	if wantsEvents(r) {
		return a.stream(w, r, id)
	}
	status, err := a.Warmer.Job(id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, status)
	return nil
}

// cancel ends a job and returns its warm.Status when it has ended. What was fetched
// stays. A job that has ended already is returned as it is.
//
//	DELETE /warm/{id}
func (a *api) cancel(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r, nil); err != nil {
		return err
	}
	status, err := a.Warmer.Cancel(r.Context(), chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, status)
	return nil
}

// wantsEvents reports whether the client accepts server-sent events by name.
func wantsEvents(r *http.Request) bool {
	for accept := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, _, _ := strings.Cut(accept, ";")
		if strings.EqualFold(strings.TrimSpace(kind), eventStream) {
			return true
		}
	}
	return false
}
