package admin_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
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
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/objectstore"
	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
	"github.com/hearthcache/hearth/warm"
)

var _ admin.Engine = (*engine.Engine)(nil)

const items = "/v1/tables/lake/db/items.lance"

// newTables is a world with the fixture's tables and an engine on them.
func newTables(t *testing.T, edit func(*admin.Options, *engine.Options)) *world {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	w := newWorld(t, func(o *admin.Options, _ *warm.Options) {
		eo := engine.Options{Allocator: mem}
		if edit != nil {
			edit(o, &eo)
		}
		if o.Engine != nil {
			return
		}
		e, err := engine.New(objectstore.New(o.Objects.(*object.Service)), eo)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		o.Engine = e
	})
	err := fs.WalkDir(lancememwal.FS, "db", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(lancememwal.FS, name)
		w.origin.Put(bucket, name, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// ask sends a request and returns the status, the headers and the whole answer.
func (w *world) ask(method, target, accept, body string) (*http.Response, []byte, error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	return resp, got, err
}

// rowsAnswer is an answer in JSON.
type rowsAnswer struct {
	Table    string
	Version  uint64
	Columns  []struct{ Name, Type string }
	Found    []int
	Rows     []map[string]any
	RowCount int `json:"row_count"`
}

func (w *world) rows(method, target, body string) rowsAnswer {
	w.t.Helper()
	resp, got, err := w.ask(method, target, "", body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s: %s %v\n%s", method, target, resp.Status, err, got)
	}
	var a rowsAnswer
	if err := json.Unmarshal(got, &a); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", method, target, err, got)
	}
	if a.RowCount != len(a.Rows) {
		w.t.Errorf("%s %s: %d rows, and row_count is %d", method, target, len(a.Rows), a.RowCount)
	}
	return a
}

func TestQueriesAreAnsweredHoweverTheyAreAsked(t *testing.T) {
	w := newTables(t, nil)
	vector, err := json.Marshal(make([]float32, 64))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		verb, query, body string
		rows              int
	}{
		{"scan", "columns=id,n&filter=" + url.QueryEscape("n < 100 and id != 'x'") + "&limit=3", `{"columns": ["id", "n"], "filter": "n < 100 and id != 'x'", "limit": 3}`, 3},
		{"scan", "filter=" + url.QueryEscape("id = 'none'"), `{"filter": "id = 'none'", "max_age": "1s", "timeout": 5}`, 0},
		{"get", "key=id-000003&key=none&columns=id", `{"keys": ["id-000003", "none"], "columns": ["id"]}`, 1},
		{"get", "keys=" + url.QueryEscape(`[["id-000003"],{"id":"id-000800"}]`) + "&columns=id", `{"keys": [["id-000003"], {"id": "id-000800"}], "columns": ["id"]}`, 2},
		{"search", "column=text&match=rev1&k=4&columns=id&statistics=source", `{"column": "text", "match": "rev1", "k": 4, "columns": ["id"], "statistics": "source"}`, 4},
		{"search", "column=text&query=" + url.QueryEscape(`{"match":{"text":"rev1"}}`) + "&columns=id", `{"column": "text", "query": {"match": {"text": "rev1"}}, "columns": ["id"]}`, 10},
		{"search", "column=vector&vector=" + url.QueryEscape(string(vector)) + "&columns=id&exact=true&max_age=1h", `{"column": "vector", "vector": ` + string(vector) + `, "columns": ["id"], "exact": true}`, 10},
	} {
		byURL, byBody := w.rows(http.MethodGet, items+"/"+c.verb+"?"+c.query, ""), w.rows(http.MethodPost, items+"/"+c.verb, c.body)
		if diff := cmp.Diff(byURL, byBody); diff != "" {
			t.Errorf("%s?%s: the answer to a POST differs (-GET +POST):\n%s", c.verb, c.query, diff)
		}
		if len(byURL.Rows) != c.rows || byURL.Version != 8 || byURL.Table != "s3://lake/db/items.lance" || len(byURL.Columns) == 0 {
			t.Errorf("%s?%s: got %d rows of version %d of %s", c.verb, c.query, len(byURL.Rows), byURL.Version, byURL.Table)
		}
		if c.verb == "get" && len(byURL.Found) != c.rows {
			t.Errorf("get: found %v", byURL.Found)
		}
	}
}

func TestATableIsNamedAsItsPath(t *testing.T) {
	w := newTables(t, nil)
	for _, target := range []string{
		items, items + "/", "/v1/tables/s3:%2F%2Flake%2Fdb%2Fitems.lance", "/v1/tables/s3://lake/db/items.lance", "/v1/tables/lake%2Fdb%2Fitems.lance?count=true",
	} {
		resp, got, err := w.ask(http.MethodGet, target, "", "")
		var d lsm.Description
		if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(got, &d) != nil {
			t.Fatalf("%s: %s %v\n%s", target, resp.Status, err, got)
		}
		want := int64(-1)
		if strings.HasSuffix(target, "count=true") {
			want = 2777
		}
		if d.Version != 8 || len(d.Sources) != 5 || d.Visible != want {
			t.Errorf("%s: got %+v", target, d)
		}
	}
}

func TestRowsComeInTheFormThatIsAccepted(t *testing.T) {
	w := newTables(t, nil)
	target := items + "/scan?columns=id,n,text&max_age=1h"
	want := w.rows(http.MethodGet, target, "").Rows
	if len(want) != 2777 {
		t.Fatalf("%d rows", len(want))
	}
	read := map[string]func([]byte) ([]map[string]any, error){
		"application/json": func(b []byte) ([]map[string]any, error) {
			var a rowsAnswer
			err := json.Unmarshal(b, &a)
			return a.Rows, err
		},
		"application/x-ndjson": func(b []byte) (rows []map[string]any, err error) {
			d := json.NewDecoder(bytes.NewReader(b))
			for d.More() && err == nil {
				var row map[string]any
				err = d.Decode(&row)
				rows = append(rows, row)
			}
			return rows, err
		},
		"text/csv": func(b []byte) (rows []map[string]any, err error) {
			lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
			for _, line := range lines[1:] {
				var n float64
				if _, err := fmt.Sscan(line[1], &n); err != nil {
					return nil, err
				}
				rows = append(rows, map[string]any{"id": line[0], "n": n, "text": line[2]})
			}
			return rows, err
		},
		"application/vnd.apache.arrow.stream": func(b []byte) (rows []map[string]any, err error) {
			r, err := ipc.NewReader(bytes.NewReader(b))
			if err != nil {
				return nil, err
			}
			defer r.Release()
			for r.Next() {
				batch := r.RecordBatch()
				for i := range int(batch.NumRows()) {
					rows = append(rows, map[string]any{
						"id": batch.Column(0).(*array.String).Value(i), "n": float64(batch.Column(1).(*array.Int32).Value(i)),
						"text": batch.Column(2).(*array.String).Value(i),
					})
				}
			}
			return rows, r.Err()
		},
	}
	for accept, form := range map[string]string{
		"*/*": "application/json", "application/json": "application/json", "application/*;q=0.5, text/csv;q=0.1": "application/json",
		"application/x-ndjson": "application/x-ndjson", "text/*": "text/csv", "text/csv, */*;q=0.1": "text/csv",
		"application/vnd.apache.arrow.stream":                           "application/vnd.apache.arrow.stream",
		"application/json;q=0.2, application/vnd.apache.arrow.stream":   "application/vnd.apache.arrow.stream",
		"application/json;q=0, application/x-ndjson;q=0.3, nonsense;;;": "application/x-ndjson",
	} {
		resp, got, err := w.ask(http.MethodGet, target, accept, "")
		if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != form || resp.Header.Get("X-Hearth-Table-Version") != "8" {
			t.Fatalf("%s: %s %v as %s", accept, resp.Status, err, resp.Header.Get("Content-Type"))
		}
		rows, err := read[form](got)
		if err != nil {
			t.Fatalf("%s: %v", accept, err)
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s: other rows (-want +got):\n%.2000s", accept, diff)
		}
	}
	if resp, got, _ := w.ask(http.MethodGet, target, "image/png", ""); resp.StatusCode != http.StatusNotAcceptable || !bytes.Contains(got, []byte("not_acceptable")) {
		t.Errorf("got %s\n%s", resp.Status, got)
	}
	resp, got, err := w.ask(http.MethodGet, items+"/get?key=none", "application/vnd.apache.arrow.stream", "")
	if rows, rerr := read["application/vnd.apache.arrow.stream"](got); err != nil || rerr != nil || len(rows) > 0 || resp.StatusCode != http.StatusOK {
		t.Errorf("no rows as Arrow: %s, %v, %v", resp.Status, err, rerr)
	}
}

func TestExplainSaysWhatAQueryReadsAndCosts(t *testing.T) {
	w := newTables(t, nil)
	explain := func(target string) (rep engine.Report) {
		t.Helper()
		resp, got, err := w.ask(http.MethodGet, target, "", "")
		if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(got, &rep) != nil {
			t.Fatalf("%s: %s %v\n%s", target, resp.Status, err, got)
		}
		return rep
	}
	cold := explain(items + "/get/explain?key=id-000800")
	if cold.Plan.Rows != 1 || len(cold.Plan.Sources) != 5 || cold.Query.Misses == 0 || cold.Freshness.Lists != 2 {
		t.Errorf("cold: %+v", cold)
	}
	again := explain(items + "/get/explain?key=id-000800")
	if again.Query.Misses != 0 || again.Freshness.Misses != 0 || again.Freshness.Passed == 0 || !again.Refreshed {
		t.Errorf("again: %+v", again)
	}
	old := explain(items + "/get/explain?key=id-000800&max_age=1h")
	if old.Freshness.Origin() != 0 || old.Query.Origin() != 0 || old.Refreshed {
		t.Errorf("with an hour to spare: %+v", old)
	}
}

func TestQueriesThatMakeNoSenseAreAnsweredWithTheReason(t *testing.T) {
	w := newTables(t, func(o *admin.Options, _ *engine.Options) {
		o.Allowed = func(bucket string) bool { return bucket != "secret" }
	})
	scan := items + "/scan"
	search := items + "/search"
	for _, c := range []struct {
		method, target, body string
		status               int
		code, field, says    string
	}{
		{"GET", "/v1/tables/", "", 400, "invalid_request", "table", "bucket"},
		{"GET", "/v1/tables/lake", "", 400, "invalid_request", "table", "bucket/prefix"},
		{"GET", "/v1/tables/lake/a//b/scan", "", 400, "invalid_request", "table", "empty"},
		{"GET", "/v1/tables/lake/a/%2e%2e/b/scan", "", 400, "invalid_request", "table", "empty"},
		{"GET", "/v1/tables/secret/x.lance/scan", "", 403, "bucket_not_allowed", "table", "does not serve"},
		{"GET", "/v1/tables/lake/none.lance/scan", "", 404, "no_such_table", "", "no such table"},
		{"GET", "/v1/tables/nowhere/none.lance", "", 404, "no_such_table", "", "no such table"},
		{"POST", items, "{}", 405, "method_not_allowed", "", "GET alone"},
		{"DELETE", scan, "", 405, "method_not_allowed", "", "method"},
		{"GET", scan + "?nope=1", "", 400, "invalid_request", "nope", "unknown"},
		{"GET", scan + "?limit=1&limit=2", "", 400, "invalid_request", "limit", "twice"},
		{"GET", scan + "?limit=x", "", 400, "invalid_request", "limit", "not JSON"},
		{"GET", scan + "?limit=1.5", "", 400, "invalid_request", "limit", "whole"},
		{"GET", scan + "?limit=-1", "", 400, "invalid_query", "limit", "negative"},
		{"GET", scan + "?max_age=soon", "", 400, "invalid_request", "max_age", "duration"},
		{"POST", scan, `{"keys": ["a"]}`, 400, "invalid_request", "keys", "unknown"},
		{"POST", scan, `{"filter": 5}`, 400, "invalid_request", "filter", "string"},
		{"POST", scan, `{"filter": "a", "filter": "b"}`, 400, "invalid_request", "filter", "twice"},
		{"POST", scan + "?limit=1", `{}`, 400, "invalid_request", "limit", "unknown parameter"},
		{"POST", scan, `[]`, 400, "invalid_request", "", "not a JSON object"},
		{"POST", scan, strings.Repeat(" ", 2<<20), 413, "body_too_large", "", "longer than"},
		{"POST", scan, `{"filter": "n > > 3"}`, 400, "invalid_query", "filter", "at character 5"},
		{"POST", scan, `{"filter": "nope > 3"}`, 400, "invalid_query", "filter", "nope"},
		{"POST", scan, `{"filter": "n > 'x'"}`, 400, "invalid_query", "filter", "type"},
		{"POST", scan, `{"columns": ["id", "nope"]}`, 400, "invalid_query", "", `no column "nope" among id, text, n, vector`},
		{"GET", items + "/get", "", 400, "invalid_query", "keys", "required"},
		{"GET", items + "/get?key=a&keys=[]", "", 400, "invalid_request", "keys", "together"},
		{"GET", items + "/get?keys=[1]", "", 400, "invalid_query", "keys", "type utf8"},
		{"GET", search, "", 400, "invalid_query", "match", "required"},
		{"POST", search, `{"column": "vector", "vector": [1, 2]}`, 400, "invalid_query", "", "2 dimensions, column vector has 64"},
		{"POST", search, `{"column": "vector", "vector": []}`, 400, "invalid_request", "vector", "0 numbers"},
		{"POST", search, `{"column": "vector", "vector": [1e60]}`, 400, "invalid_request", "vector", "numbers"},
		{"POST", search, `{"column": "text", "match": "a", "k": 100000000}`, 400, "invalid_query", "", "must be 1 to 10000"},
		{"POST", search, `{"column": "text", "match": "a", "k": 0}`, 400, "invalid_request", "k", "positive"},
		{"POST", search, `{"column": "text", "match": "a", "phrase": "b"}`, 400, "invalid_query", "phrase", "together"},
		{"POST", search, `{"column": "n", "match": "a"}`, 400, "invalid_query", "", "no full-text index"},
	} {
		resp, got, err := w.ask(c.method, c.target, "", c.body)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Error struct{ Code, Message, Field string }
		}
		if err := json.Unmarshal(got, &f); err != nil {
			t.Fatalf("%s %s %.80s: %v\n%s", c.method, c.target, c.body, err, got)
		}
		if resp.StatusCode != c.status || f.Error.Code != c.code || f.Error.Field != c.field || !strings.Contains(f.Error.Message, c.says) {
			t.Errorf("%s %s %.80s: got %s\n%s", c.method, c.target, c.body, resp.Status, got)
		}
	}
}

func TestFaultsOfTheOriginAreTold(t *testing.T) {
	w := newTables(t, nil)
	for _, c := range []struct {
		action origintest.Action
		status int
		code   string
	}{
		{origintest.Status(503, "SlowDown"), 503, "origin_busy"},
		{origintest.Status(500, "InternalError"), 502, "origin_unavailable"},
		{origintest.Status(403, "AccessDenied"), 502, "origin_denied"},
	} {
		w.origin.Inject(origintest.Rule{Match: origintest.Class("LIST"), Nth: 1, Action: c.action})
		resp, got, _ := w.ask(http.MethodGet, items+"/scan", "", "")
		if resp.StatusCode != c.status || !bytes.Contains(got, []byte(c.code)) {
			t.Errorf("%s: got %s\n%s", c.code, resp.Status, got)
		}
		if retry := resp.Header.Get("Retry-After"); (retry != "") != (c.status == 503) {
			t.Errorf("%s: Retry-After %q", c.code, retry)
		}
		w.origin.Reset()
	}
}

// scripted is an engine whose answers a test makes up.
type scripted struct {
	run func(ctx context.Context, r engine.Request, out engine.Output) error
}

func (s scripted) Run(ctx context.Context, r engine.Request, out engine.Output) (*engine.Report, error) {
	return &engine.Report{}, s.run(ctx, r, out)
}

func (s scripted) Describe(context.Context, engine.Request, bool) (*lsm.Description, *engine.Report, error) {
	return &lsm.Description{}, &engine.Report{}, nil
}

// batches hands out n batches of a thousand numbers.
func batches(out engine.Output, n int) error {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range 1000 {
		b.Append(int64(i))
	}
	numbers := b.NewArray()
	defer numbers.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	batch := array.NewRecordBatch(schema, []arrow.Array{numbers}, 1000)
	defer batch.Release()
	if err := out.Start(engine.Head{Table: "t", Schema: schema}); err != nil {
		return err
	}
	for range n {
		if err := out.Batch(batch); err != nil {
			return err
		}
	}
	return nil
}

func TestAnAnswerThatFailsHalfwayHasNoEnd(t *testing.T) {
	w := newTables(t, func(o *admin.Options, _ *engine.Options) {
		o.Engine = scripted{func(_ context.Context, _ engine.Request, out engine.Output) error {
			if err := batches(out, 3); err != nil {
				return err
			}
			return fmt.Errorf("x: %w", io.ErrUnexpectedEOF)
		}}
	})
	for _, accept := range []string{"application/json", "application/x-ndjson", "application/vnd.apache.arrow.stream", "text/csv"} {
		resp, got, err := w.ask(http.MethodGet, items+"/scan", accept, "")
		if resp.StatusCode != http.StatusOK || err == nil {
			t.Errorf("%s: %s, and %d bytes that look complete", accept, resp.Status, len(got))
		}
	}
}

func TestAnAnswerEndsWhenItsClientLeaves(t *testing.T) {
	ended := make(chan error, 1)
	w := newTables(t, func(o *admin.Options, _ *engine.Options) {
		o.Engine = scripted{func(_ context.Context, _ engine.Request, out engine.Output) error {
			err := batches(out, 1<<40) // no memory would hold it
			ended <- err
			return err
		}}
	})
	address := strings.TrimPrefix(w.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s/scan HTTP/1.1\r\nHost: %s\r\n\r\n", items, address); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := <-ended; err == nil {
		t.Error("a client that has left took everything")
	}
}

func TestWhoIsTooManyIsToldToComeBack(t *testing.T) {
	w := newTables(t, func(o *admin.Options, _ *engine.Options) {
		o.Engine = scripted{func(context.Context, engine.Request, engine.Output) error { return engine.ErrBusy }}
	})
	resp, got, _ := w.ask(http.MethodGet, items+"/scan", "", "")
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" || !bytes.Contains(got, []byte(`"busy"`)) {
		t.Errorf("got %s\n%s", resp.Status, got)
	}
}

func TestTheEngineNeedsTheTokenToo(t *testing.T) {
	w := newTables(t, func(o *admin.Options, _ *engine.Options) { o.Token = "open sesame" })
	if resp, got, _ := w.ask(http.MethodGet, items, "", ""); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s\n%s", resp.Status, got)
	}
}

func TestWithoutAnEngineThereAreNoTables(t *testing.T) {
	w := newWorld(t, nil)
	if resp, got, _ := w.ask(http.MethodGet, items, "", ""); resp.StatusCode != http.StatusNotFound || !bytes.Contains(got, []byte("no_such_path")) {
		t.Errorf("got %s\n%s", resp.Status, got)
	}
}
