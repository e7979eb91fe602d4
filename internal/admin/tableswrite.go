package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/internal/jsonrows"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lsm/shard"
)

// Writers is what the API needs to write to tables. *engine.Writers is one.
type Writers interface {
	Put(ctx context.Context, table string, rows engine.Rows) (*engine.Written, error)
	Delete(ctx context.Context, table string, keys engine.Rows) (*engine.Written, error)
	Flush(ctx context.Context, table string) (engine.WriterStats, error)
	Stats(table string) (stats engine.WriterStats, open bool)
	Create(ctx context.Context, table string, n engine.NewTable) error
}

// The last elements of paths that write, and of the one that says how that goes.
const (
	verbPut    = "put"
	verbDelete = "delete"
	verbFlush  = "flush"
	verbCreate = "create"
	verbStats  = "stats"
)

// DefaultMaxWriteBytes bounds the body of a request that writes.
const DefaultMaxWriteBytes = 256 << 20

// writePath takes the path of a request that writes apart.
func writePath(method, path string) (table, verb string, ok bool) {
	verbs := []string{verbPut, verbDelete, verbFlush, verbCreate}
	if method == http.MethodGet {
		verbs = []string{verbStats}
	}
	table = strings.TrimPrefix(strings.TrimPrefix(path, tablesPath), "s3://")
	for _, verb := range verbs {
		if rest, found := strings.CutSuffix(table, "/"+verb); found {
			return rest, verb, true
		}
	}
	return "", "", false
}

// writeTable answers requests that write to a table.
//
//	POST /v1/tables/{bucket}/{prefix}/put      rows as an Arrow IPC stream, or as lines of JSON
//	POST /v1/tables/{bucket}/{prefix}/delete   primary keys, in the same forms
//	POST /v1/tables/{bucket}/{prefix}/flush    publish what was written
//	POST /v1/tables/{bucket}/{prefix}/create   make the table
//	GET  /v1/tables/{bucket}/{prefix}/stats    figures of the table's writer
//
// A body is taken as it comes, in batches. Each is durable before the next is put, so of a request that fails the batches
// before the fault are written: the answer says how many rows those are. Sending all of it again is right, as rows replace
// those with the same key.
func (a *api) writeTable(w http.ResponseWriter, r *http.Request, table, verb string) error {
	if _, err := a.tableIn(table); err != nil {
		return err
	}
	if a.Writers == nil {
		return fault(http.StatusForbidden, "writing_off", "this Hearth does not write to tables: see the setting engine-write")
	}
	switch verb {
	case verbPut:
		return a.writeRows(w, r, table, a.Writers.Put, false)
	case verbDelete:
		return a.writeRows(w, r, table, a.Writers.Delete, true)
	case verbFlush:
		return a.flushTable(w, r, table)
	case verbCreate:
		return a.createTable(w, r, table)
	}
	if err := readQuery(r, nil); err != nil {
		return err
	}
	stats, open := a.Writers.Stats(table)
	writeJSON(w, http.StatusOK, statsAnswer(table, stats, open))
	return nil
}

// written is the answer to a request that brought rows.
type written struct {
	Table string `json:"table"`
	engine.Written
}

func (a *api) writeRows(w http.ResponseWriter, r *http.Request, table string, write func(context.Context, string, engine.Rows) (*engine.Written, error), keys bool) error {
	if err := readQuery(r, nil); err != nil {
		return err
	}
	body, err := a.rowsBody(w, r)
	if err != nil {
		return err
	}
	out, err := write(r.Context(), table, engine.ReadRows(body.Reader, keys))
	if err != nil {
		// A client that sends everything before it listens is to hear the answer.
		body.drain()
		w.Header().Set("Connection", "close")
		f := writeFault(err)
		if x, ok := errors.AsType[*failure](f); ok {
			x.written = &written{"s3://" + table, *out}
		}
		return f
	}
	writeJSON(w, http.StatusOK, written{"s3://" + table, *out})
	return nil
}

// What is left of a body is read for nothing when a request has failed, so much of it and for so long at most.
const (
	maxDrain     = 1 << 20
	drainTimeout = 5 * time.Second
)

// rowsBody is the body of a request that brings rows.
type rowsBody struct {
	*bufio.Reader
	paced *pacedReader
}

// drain reads what is left for nothing.
func (b *rowsBody) drain() {
	b.paced.until = time.Now().Add(drainTimeout)
	if _, err := io.CopyN(io.Discard, b, maxDrain); err == io.EOF {
		_ = b.paced.control.SetReadDeadline(time.Time{}) // as Read does
	}
}

// rowsBody is the body of a request, bounded in size and in the time that a piece of it takes.
func (a *api) rowsBody(w http.ResponseWriter, r *http.Request) (*rowsBody, error) {
	if c := r.Header.Get("Content-Encoding"); c != "" && !strings.EqualFold(c, "identity") {
		return nil, fault(http.StatusUnsupportedMediaType, "unsupported_encoding", "bodies are taken as they are, not in Content-Encoding "+c)
	}
	if r.ContentLength > a.MaxWriteBytes {
		w.Header().Set("Connection", "close")
		return nil, tooLarge(a.MaxWriteBytes)
	}
	body := &pacedReader{r: http.MaxBytesReader(w, r.Body, a.MaxWriteBytes), control: http.NewResponseController(w)}
	return &rowsBody{bufio.NewReaderSize(body, 64<<10), body}, nil
}

func tooLarge(limit int64) *failure {
	return fault(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("the body is longer than %d bytes: send rows in several requests", limit))
}

// pacedReader gives each piece of a body its time.
type pacedReader struct {
	r       io.Reader
	control *http.ResponseController
	until   time.Time // when all reading ends; zero for never
}

func (p *pacedReader) Read(b []byte) (int, error) {
	if !p.until.IsZero() { // it stays, as the server may go on reading what is left
		_ = p.control.SetReadDeadline(p.until)
		return p.r.Read(b)
	}
	_ = p.control.SetReadDeadline(time.Now().Add(stallTimeout)) // not every writer has one
	n, err := p.r.Read(b)
	_ = p.control.SetReadDeadline(time.Time{}) // the server goes on reading to notice a client that leaves
	return n, err
}

// flushTimeout is how long a flush is waited for that does not say.
const flushTimeout = 5 * time.Minute

func (a *api) flushTable(w http.ResponseWriter, r *http.Request, table string) error {
	timeout := flushTimeout
	if err := readQuery(r, nil); err != nil {
		return err
	}
	if r.ContentLength != 0 {
		if err := readObject(w, r, fields{"timeout": intoDuration(&timeout)}); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	stats, err := a.Writers.Flush(ctx, table)
	if err != nil {
		return writeFault(err)
	}
	writeJSON(w, http.StatusOK, statsAnswer(table, stats, true))
	return nil
}

// writeFaults say how errors of writing are answered, in the order in which they are looked for; further ones are
// answered as those of queries.
var writeFaults = []struct {
	kind   error
	status int
	code   string
}{
	{engine.ErrNoRoom, http.StatusTooManyRequests, "busy"},
	{engine.ErrFenced, http.StatusConflict, "fenced"},
	{engine.ErrUnsettled, http.StatusBadGateway, "outcome_unknown"},
	{engine.ErrSealed, http.StatusConflict, "sealed"},
	{engine.ErrContended, http.StatusConflict, "contended"},
	{engine.ErrTooManyShards, http.StatusUnprocessableEntity, "too_many_shards"},
	{engine.ErrTooLarge, http.StatusRequestEntityTooLarge, "rows_too_large"},
	{jsonrows.ErrTooLarge, http.StatusRequestEntityTooLarge, "rows_too_large"},
	{memwal.ErrTooLarge, http.StatusRequestEntityTooLarge, "rows_too_large"},
	{engine.ErrRows, http.StatusBadRequest, "invalid_rows"},
	{engine.ErrExists, http.StatusConflict, "table_exists"},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout, "body_too_slow"},
}

// writeFault turns an error of writing into an answer.
func writeFault(err error) error {
	if limit, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(limit.Limit)
	}
	for _, x := range writeFaults {
		if errors.Is(err, x.kind) {
			return fault(x.status, x.code, err.Error())
		}
	}
	if _, ok := errors.AsType[*engine.RowsError](err); !ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, engine.ErrClosed) {
		return engineFault(err)
	}
	f := fault(http.StatusBadRequest, "invalid_rows", err.Error())
	if x, ok := errors.AsType[*jsonrows.Error](err); ok {
		f.problem.Field = x.Field
	}
	return f
}

// tableStats are the figures of a table's writer.
type tableStats struct {
	Table string `json:"table"`
	// Open says whether the table has a writer now. The other figures are since it was opened.
	Open bool `json:"open"`
	shardStats
	Shards map[string]shardStats `json:"shards"`
}

type shardStats struct {
	Puts          int64  `json:"puts"`
	Rows          int64  `json:"rows"`
	Entries       int64  `json:"entries"`
	Replayed      int64  `json:"replayed_rows"`
	Busy          int64  `json:"busy"`
	Flushes       int64  `json:"flushes"`
	FlushFailures int64  `json:"flush_failures"`
	Warms         int64  `json:"warms"`
	WarmFailures  int64  `json:"warm_failures"`
	MemoryRows    int64  `json:"memory_rows"`
	MemoryBytes   int64  `json:"memory_bytes"`
	EncodedRows   int64  `json:"encoded_rows"`
	ReadBytes     int64  `json:"read_bytes"`
	Generation    uint64 `json:"next_generation,omitempty"`
}

func statsOf(s shard.Stats) shardStats {
	return shardStats{
		Puts: s.Puts, Rows: s.Rows, Entries: s.Entries, Replayed: s.Replayed, Busy: s.Busy, Flushes: s.Flushes,
		FlushFailures: s.FlushFailures, Warms: s.Warms, WarmFailures: s.WarmFailures,
		MemoryRows: s.MemoryRows, MemoryBytes: s.MemoryBytes, EncodedRows: s.EncodedRows, ReadBytes: s.ReadBytes, Generation: s.Generation,
	}
}

func statsAnswer(table string, s engine.WriterStats, open bool) tableStats {
	out := tableStats{Table: "s3://" + table, Open: open, shardStats: statsOf(s.Stats), Shards: map[string]shardStats{}}
	out.Generation = 0
	for id, x := range s.Shards {
		out.Shards[id] = statsOf(x)
	}
	return out
}
