package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/lsm/filter"
	"github.com/hearthcache/hearth/warm"
)

// Engine is what the API needs of package engine. *engine.Engine is one.
type Engine interface {
	Run(ctx context.Context, r engine.Request, out engine.Output) (*engine.Report, error)
	Describe(ctx context.Context, r engine.Request, count bool) (*lsm.Description, *engine.Report, error)
}

// tablesPath is where the engine's paths begin.
const tablesPath = "/v1/tables/"

// tables answers queries on tables.
//
//	GET      /v1/tables/{bucket}/{prefix}                  what the table consists of
//	GET|POST /v1/tables/{bucket}/{prefix}/scan             rows, by a filter
//	GET|POST /v1/tables/{bucket}/{prefix}/get              rows, by primary keys
//	GET|POST /v1/tables/{bucket}/{prefix}/search           rows, by text or vector
//	GET|POST /v1/tables/{bucket}/{prefix}/{one of them}/explain   how that is answered, and what it costs
//
// The table may also be given as s3://bucket/prefix, percent-encoded or not. Parameters are those of the query of a GET, or
// the fields of the JSON object that a POST brings. See query.fields for them and answerRows for the forms of an answer.
func (a *api) tables(w http.ResponseWriter, r *http.Request) error {
	if table, verb, ok := writePath(r.Method, r.URL.Path); ok {
		return a.writeTable(w, r, table, verb)
	}
	table, verb, explain := tableOf(r.URL.Path)
	if verb == engine.Describe && r.Method != http.MethodGet {
		return fault(http.StatusMethodNotAllowed, "method_not_allowed", "the path ends in none of /scan, /get, /search, /put, /delete, /flush, /create, and a table itself takes GET alone")
	}
	if _, err := a.tableIn(table); err != nil {
		return err
	}
	q := query{request: engine.Request{Kind: verb, Table: table}}
	if err := q.read(w, r); err != nil {
		return err
	}
	switch {
	case verb == engine.Describe:
		return a.describeTable(w, r, q)
	case explain:
		return a.explainQuery(w, r, q)
	}
	return a.answerRows(w, r, q)
}

// tableIn checks the path of a table.
func (a *api) tableIn(table string) (warm.Path, error) {
	p, err := a.pathIn("table", "s3://"+table)
	if err != nil {
		return p, err
	}
	if p.Key == "" || storage.CheckPath(table) != nil {
		return p, faultIn("table", "not of the form bucket/prefix: empty, . and .. elements are not read")
	}
	return p, nil
}

// tableOf takes a path apart.
func tableOf(path string) (table string, verb engine.Kind, explain bool) {
	table = strings.TrimPrefix(strings.TrimPrefix(path, tablesPath), "s3://")
	cut := func(word string) bool {
		rest, ok := strings.CutSuffix(table, "/"+word)
		if ok {
			table = rest
		}
		return ok
	}
	whole := table
	explain = cut("explain")
	for _, k := range []engine.Kind{engine.Scan, engine.Get, engine.Search} {
		if cut(string(k)) {
			return table, k, explain
		}
	}
	return strings.TrimSuffix(whole, "/"), engine.Describe, false
}

// describeTable says what a table consists of. The answer is an lsm.Description.
//
//	GET /v1/tables/{bucket}/{prefix}?count=true&max_age=5s
func (a *api) describeTable(w http.ResponseWriter, r *http.Request, q query) error {
	d, _, err := a.Engine.Describe(r.Context(), q.request, q.count)
	if err != nil {
		return engineFault(err)
	}
	writeJSON(w, http.StatusOK, d)
	return nil
}

// explainQuery runs a query, drops its rows and answers with an engine.Report.
func (a *api) explainQuery(w http.ResponseWriter, r *http.Request, q query) error {
	report, err := a.Engine.Run(r.Context(), q.request, engine.Discard)
	if err != nil {
		return engineFault(err)
	}
	writeJSON(w, http.StatusOK, report)
	return nil
}

// engineFaults say how errors of the engine are answered, in the order in which they are looked for.
var engineFaults = []struct {
	kind   error
	status int
	code   string
}{
	{lsm.ErrQuery, http.StatusBadRequest, "invalid_query"},
	{lsm.ErrNotFound, http.StatusNotFound, "no_such_table"},
	{lsm.ErrStale, http.StatusConflict, "stale"},
	{lsm.ErrUnsupported, http.StatusUnprocessableEntity, "unsupported"},
	{engine.ErrBusy, http.StatusTooManyRequests, "busy"},
	{engine.ErrClosed, http.StatusServiceUnavailable, "closed"},
	{lsm.ErrClosed, http.StatusServiceUnavailable, "closed"},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "timeout"},
	{origin.ErrBucketNotAllowed, http.StatusForbidden, "bucket_not_allowed"},
	{origin.ErrDenied, http.StatusBadGateway, "origin_denied"},
	{origin.ErrThrottled, http.StatusServiceUnavailable, "origin_busy"},
	{origin.ErrUnavailable, http.StatusBadGateway, "origin_unavailable"},
}

// engineFault turns an error of the engine into an answer. The rest are of the origin, or of what it holds.
func engineFault(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	f := &failure{status: http.StatusBadGateway, problem: warm.Problem{Code: "unreadable", Message: err.Error()}}
	for _, x := range engineFaults {
		if errors.Is(err, x.kind) {
			f.status, f.problem.Code = x.status, x.code
			break
		}
	}
	if at, ok := errors.AsType[*filter.Error](err); ok {
		f.problem.Field, f.problem.Message = "filter", at.Error()
	}
	if x, ok := errors.AsType[*engine.Invalid](err); ok {
		f.problem.Field, f.problem.Message = x.Field, x.Message
	}
	return f
}
