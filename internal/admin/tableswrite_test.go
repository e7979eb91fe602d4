package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/admin"
	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/objectstore"
)

var _ admin.Writers = (*engine.Writers)(nil)

const people = "/v1/tables/lake/db/people.lance"

const newPeople = `{"columns": [{"name": "id", "type": "int64"}, {"name": "name", "type": "utf8"}, {"name": "vector", "type": "vector[2]"}],
	"primary_key": ["id"], "indexes": [{"column": "id", "kind": "btree"}, {"column": "name", "kind": "fts"}]}`

// newWriting is a world that writes.
func newWriting(t *testing.T, edit func(*admin.Options, *engine.WriteOptions)) *world {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return newTables(t, func(o *admin.Options, eo *engine.Options) {
		wo := engine.WriteOptions{}
		wo.Shard.Allocator = mem
		if edit != nil {
			edit(o, &wo)
		}
		if o.Writers != nil {
			return
		}
		writers, err := engine.NewWriters(objectstore.NewWriter(o.Objects.(*object.Service)), wo)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := writers.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		o.Writers, eo.Writers = writers, writers
	})
}

// post sends a body, wants a status, and decodes the answer.
func (w *world) post(target, body string, status int, to any) {
	w.t.Helper()
	resp, got, err := w.ask(http.MethodPost, target, "", body)
	if err != nil || resp.StatusCode != status {
		w.t.Fatalf("POST %s: %s %v\n%s", target, resp.Status, err, got)
	}
	if to != nil {
		if err := json.Unmarshal(got, to); err != nil {
			w.t.Fatalf("POST %s: %v\n%s", target, err, got)
		}
	}
}

// arrowPeople is a stream of rows with ids from first on, in batches of one.
func arrowPeople(t *testing.T, first, n int, columns ...arrow.Field) string {
	t.Helper()
	if columns == nil {
		columns = []arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "name", Type: arrow.BinaryTypes.String, Nullable: true}}
	}
	schema := arrow.NewSchema(columns, nil)
	var out bytes.Buffer
	stream := ipc.NewWriter(&out, ipc.WithSchema(schema))
	for i := range n {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for c := range columns {
			switch f := b.Field(c).(type) {
			case *array.Int64Builder:
				f.Append(int64(first + i))
			case *array.StringBuilder:
				f.Append(fmt.Sprint("arrow ", first+i))
			default:
				f.AppendNull()
			}
		}
		rows := b.NewRecordBatch()
		if err := stream.Write(rows); err != nil {
			t.Fatal(err)
		}
		rows.Release()
		b.Release()
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

type writtenAnswer struct {
	Table         string
	Rows, Batches int64
}

func TestRowsAreWrittenAndReadByHTTP(t *testing.T) {
	w := newWriting(t, nil)
	w.post(people+"/create", newPeople, http.StatusCreated, nil)
	var got writtenAnswer
	w.post(people+"/put", `{"id": 1, "name": "ada lovelace", "vector": [1, 0]}`+"\n"+`{"id": 2, "name": "grace hopper"}`+"\n", http.StatusOK, &got)
	if diff := cmp.Diff(writtenAnswer{"s3://lake/db/people.lance", 2, 1}, got); diff != "" {
		t.Error(diff)
	}
	w.post(people+"/put", arrowPeople(t, 3, 3), http.StatusOK, &got)
	if diff := cmp.Diff(writtenAnswer{"s3://lake/db/people.lance", 3, 3}, got); diff != "" {
		t.Error(diff)
	}
	w.post(people+"/delete", "2\n{\"id\": 3}\n[99]", http.StatusOK, &got)
	if got.Rows != 3 {
		t.Errorf("got %+v", got)
	}
	w.post(people+"/delete", arrowPeople(t, 4, 1, arrow.Field{Name: "id", Type: arrow.PrimitiveTypes.Int64}), http.StatusOK, &got)
	var stats struct {
		Open       bool
		Flushes    int64
		MemoryRows int64 `json:"memory_rows"`
		Shards     map[string]json.RawMessage
	}
	_, text, _ := w.ask(http.MethodGet, people+"/stats", "", "")
	if err := json.Unmarshal(text, &stats); err != nil || !stats.Open || stats.MemoryRows != 9 || stats.Flushes != 0 {
		t.Errorf("%s, %v", text, err)
	}
	read := func(when string) {
		t.Helper()
		found := map[string]any{}
		for _, r := range w.rows(http.MethodPost, people+"/scan", `{}`).Rows {
			found[fmt.Sprint(r["id"])] = r["name"]
		}
		if diff := cmp.Diff(map[string]any{"1": "ada lovelace", "5": "arrow 5"}, found); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		if rows := w.rows(http.MethodPost, people+"/search", `{"column": "name", "match": "lovelace"}`).Rows; len(rows) != 1 {
			t.Errorf("%s: got %v", when, rows)
		}
	}
	read("before the flush")
	w.post(people+"/flush", "", http.StatusOK, &stats)
	if stats.MemoryRows != 0 || stats.Flushes != 1 || len(stats.Shards) != 1 {
		t.Errorf("%+v", stats)
	}
	read("after the flush")
	// A flush of what is flushed already is none; one of a table that nobody wrote to opens it.
	w.post(people+"/flush", `{"timeout": "1m"}`, http.StatusOK, &stats)
	if stats.Flushes != 1 {
		t.Errorf("%+v", stats)
	}
	_, text, _ = w.ask(http.MethodGet, "/v1/tables/lake/db/none.lance/stats", "", "")
	if !strings.Contains(string(text), `"open":false`) {
		t.Errorf("got %s", text)
	}
}

func TestATableIsMadeByAnArrowSchema(t *testing.T) {
	w := newWriting(t, nil)
	target := people + `/create?primary_key=id&indexes=[{"column":"name","kind":"fts"}]&sharding={"kind":"bucket","buckets":2}&file_version=2.1`
	target = strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D", "[", "%5B", "]", "%5D").Replace(target)
	w.post(target, arrowPeople(t, 0, 0), http.StatusCreated, nil)
	var d struct{ Columns []struct{ Name string } }
	_, text, _ := w.ask(http.MethodGet, people, "", "")
	if err := json.Unmarshal(text, &d); err != nil || len(d.Columns) != 2 || d.Columns[1].Name != "name" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestRequestsThatCannotBeWrittenSayWhy(t *testing.T) {
	w := newWriting(t, func(o *admin.Options, _ *engine.WriteOptions) {
		o.MaxWriteBytes = 200_000
		o.Allowed = func(bucket string) bool { return bucket == "lake" }
	})
	w.post(people+"/create", newPeople, http.StatusCreated, nil)
	long := strings.Repeat(`{"id": 1}`+"\n", 30_000)
	for name, x := range map[string]struct {
		target, body string
		status       int
		code, field  string
		rows         int64
	}{
		"a line that is not JSON":        {people + "/put", `{"id": 1`, 400, "invalid_rows", "", 0},
		"a value that does not fit":      {people + "/put", `{"id": 1, "vector": [1, "x"]}`, 400, "invalid_rows", "vector[1]", 0},
		"an unknown column":              {people + "/put", `{"id": 1, "nam": "x"}`, 400, "invalid_rows", "nam", 0},
		"no key":                         {people + "/put", `{"name": "x"}`, 400, "invalid_rows", "id", 0},
		"a fault behind a batch":         {people + "/put", long[:100_000] + "x", 400, "invalid_rows", "", 8192},
		"keys with other columns":        {people + "/delete", `{"id": 1, "name": "x"}`, 400, "invalid_rows", "name", 0},
		"Arrow that is none":             {people + "/put", "\xff\xff\xff\xff\x10\x00\x00\x00", 400, "invalid_rows", "", 0},
		"Arrow with another type":        {people + "/put", arrowPeople(t, 0, 1, arrow.Field{Name: "id", Type: arrow.BinaryTypes.String}), 400, "invalid_rows", "", 0},
		"Arrow of another table":         {people + "/put", arrowPeople(t, 0, 1, arrow.Field{Name: "key", Type: arrow.BinaryTypes.String}), 400, "invalid_rows", "", 0},
		"a body that is too long":        {people + "/put", long, 413, "body_too_large", "", 0},
		"a parameter":                    {people + "/put?x=1", `{"id": 1}`, 400, "invalid_request", "x", 0},
		"a table that is not there":      {"/v1/tables/lake/db/none.lance/put", `{"id": 1}`, 404, "no_such_table", "", 0},
		"one without a log":              {"/v1/tables/lake/db/plain.lance/put", `{"id": 1}`, 404, "no_such_table", "", 0},
		"a bucket alone":                 {"/v1/tables/lake/put", `{"id": 1}`, 400, "invalid_request", "table", 0},
		"a bucket that is not ours":      {"/v1/tables/other/t/put", `{"id": 1}`, 403, "bucket_not_allowed", "table", 0},
		"a table that is there":          {people + "/create", newPeople, 409, "table_exists", "", 0},
		"a table without a key":          {"/v1/tables/lake/db/x.lance/create", `{"columns": [{"name": "id", "type": "utf8"}]}`, 400, "invalid_query", "primary_key", 0},
		"a table that is not JSON":       {"/v1/tables/lake/db/x.lance/create", `{`, 400, "invalid_request", "", 0},
		"an unknown field":               {"/v1/tables/lake/db/x.lance/create", `{"column": []}`, 400, "invalid_request", "", 0},
		"an unknown field of an index":   {"/v1/tables/lake/db/x.lance/create?primary_key=id&indexes=" + url.QueryEscape(`[{"column":"name","knd":"fts"}]`), arrowPeople(t, 0, 0), 400, "invalid_request", "indexes", 0},
		"an unknown field of a sharding": {"/v1/tables/lake/db/x.lance/create?primary_key=id&sharding=" + url.QueryEscape(`{"knd":"bucket"}`), arrowPeople(t, 0, 0), 400, "invalid_request", "sharding", 0},
		"a flush with a field":           {people + "/flush", `{"now": true}`, 400, "invalid_request", "now", 0},
	} {
		resp, text, err := w.ask(http.MethodPost, x.target, "", x.body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got struct {
			Error   struct{ Code, Message, Field string }
			Written *writtenAnswer
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if resp.StatusCode != x.status || got.Error.Code != x.code || got.Error.Field != x.field || got.Error.Message == "" {
			t.Errorf("%s: %s %s", name, resp.Status, text)
		}
		if got.Written != nil && got.Written.Rows != x.rows || got.Written == nil && x.rows > 0 {
			t.Errorf("%s: %s", name, text)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+people+"/put", strings.NewReader(`{"id": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Encoding", "gzip")
	resp, err := w.client.Do(r)
	if err != nil || resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("gzip: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	if resp, _, err := w.ask(http.MethodGet, people+"/put", "", ""); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("GET: %v, %v", resp.Status, err)
	}
}

func TestNobodyWritesWhereWritingIsOff(t *testing.T) {
	w := newTables(t, nil)
	for _, verb := range []string{"put", "delete", "flush", "create"} {
		resp, text, err := w.ask(http.MethodPost, items+"/"+verb, "", `{"id": "x"}`)
		if err != nil || resp.StatusCode != http.StatusForbidden || !strings.Contains(string(text), `"writing_off"`) {
			t.Errorf("%s: %s %s", verb, resp.Status, text)
		}
	}
	for _, r := range w.origin.Requests() {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			t.Errorf("%s %s", r.Method, r.Target)
		}
	}
}

// refusing writes nothing, for a reason.
type refusing struct {
	err  error
	some int64
}

func (r refusing) Put(_ context.Context, _ string, rows engine.Rows) (*engine.Written, error) {
	return &engine.Written{Rows: r.some}, r.err
}

func (r refusing) Delete(ctx context.Context, table string, keys engine.Rows) (*engine.Written, error) {
	return r.Put(ctx, table, keys)
}

func (r refusing) Flush(context.Context, string) (engine.WriterStats, error) {
	return engine.WriterStats{}, r.err
}

func (r refusing) Stats(string) (engine.WriterStats, bool)               { return engine.WriterStats{}, false }
func (r refusing) Create(context.Context, string, engine.NewTable) error { return r.err }

func TestFaultsOfWritingHaveAStatusEach(t *testing.T) {
	for _, x := range []struct {
		err    error
		status int
		code   string
	}{
		{engine.ErrNoRoom, 429, "busy"},
		{fmt.Errorf("put: %w", engine.ErrFenced), 409, "fenced"},
		{engine.ErrUnsettled, 502, "outcome_unknown"},
		{engine.ErrSealed, 409, "sealed"},
		{engine.ErrContended, 409, "contended"},
		{engine.ErrTooLarge, 413, "rows_too_large"},
		{engine.ErrClosed, 503, "closed"},
		{context.DeadlineExceeded, 504, "timeout"},
		{errors.New("something else"), 502, "unreadable"},
	} {
		w := newTables(t, func(o *admin.Options, _ *engine.Options) { o.Writers = refusing{x.err, 7} })
		for _, verb := range []string{"put", "delete", "flush"} {
			resp, text, err := w.ask(http.MethodPost, people+"/"+verb, "", "")
			if err != nil || resp.StatusCode != x.status || !strings.Contains(string(text), `"`+x.code+`"`) {
				t.Errorf("%v: %s %s", x.err, resp.Status, text)
			}
			if verb != "flush" && !strings.Contains(string(text), `"rows":7`) {
				t.Errorf("%v: %s", x.err, text)
			}
			if (resp.Header.Get("Retry-After") == "") != (x.status != 429 && x.status != 503) {
				t.Errorf("%v: Retry-After is %q", x.err, resp.Header.Get("Retry-After"))
			}
		}
	}
}

func TestARequestThatIsCutOffWritesNoHalfOfALine(t *testing.T) {
	w := newWriting(t, nil)
	w.post(people+"/create", newPeople, http.StatusCreated, nil)
	ctx, cancel := context.WithCancel(t.Context())
	body, feed := io.Pipe()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+people+"/put", body)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := w.client.Do(r); err == nil {
			_ = resp.Body.Close()
		}
	}()
	if _, err := feed.Write([]byte(`{"id": 1}` + "\n" + `{"id": 22`)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = feed.CloseWithError(context.Canceled) // who reads the body may wait for more of it
	<-done
	var stats struct {
		MemoryRows int64 `json:"memory_rows"`
	}
	w.post(people+"/flush", "", http.StatusOK, &stats)
	if rows := w.rows(http.MethodPost, people+"/scan", `{}`).Rows; len(rows) != 0 {
		t.Errorf("got %v", rows)
	}
}
