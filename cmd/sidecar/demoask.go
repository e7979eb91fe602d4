//go:build !noembedded

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/internal/demo"
	"github.com/hearthcache/hearth/internal/demo/shelf"
	"github.com/hearthcache/hearth/internal/engine"
	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
	lancedbtraces "github.com/hearthcache/hearth/testdata/lancedb-traces"
)

// A demoQuestion is a question with its right answers.
type demoQuestion struct {
	demo.Question
	kind, words string
	// recording is of a query of this kind.
	recording string
	// right says whether an answer may stand, given the ids of its rows and whether it has to be exact.
	right func(ids []string, exact bool) bool
}

// questions are what is asked. K is as large as what may be found.
func (n *novelsPlay) questions() []demoQuestion {
	phrase := n.shelf.Phrase(shelf.Phrase)
	vector := n.shelf.Vector(shelf.Meaning)
	nearest := n.shelf.Nearest(vector, 3)
	return []demoQuestion{
		{
			demo.Question{Phrase: shelf.Phrase, K: len(phrase) + 1},
			"full text", `"` + shelf.Phrase + `"`, "F-fts.jsonl",
			func(ids []string, _ bool) bool { return slices.Equal(slices.Sorted(slices.Values(ids)), phrase) },
		},
		{
			demo.Question{Vector: vector, K: len(nearest)},
			"vector", `"` + shelf.Meaning + `"`, "F-vector.jsonl",
			func(ids []string, exact bool) bool {
				return slices.Equal(ids, nearest) || !exact && len(ids) == len(nearest) && slices.Contains(nearest, ids[0])
			},
		},
		{
			demo.Question{Key: shelf.Key, K: 2},
			"key", shelf.Key, "F-pointgen.jsonl",
			func(ids []string, _ bool) bool { return slices.Equal(ids, []string{shelf.Key}) },
		},
	}
}

// A demoClient answers questions.
type demoClient struct {
	name string
	// about explains the name under the table; the last client's is printed.
	about string
	// table is what it asks.
	table string
	ask   func(ctx context.Context, q demoQuestion) (demo.Answer, error)
	close func()
	// askOld asks for a state that may be a minute old; nil if the client cannot.
	askOld func(ctx context.Context, q demoQuestion) (demo.Answer, error)
	// exact: it finds the nearest vectors, and not only some that are about as near.
	exact bool
	// recorded: it has no answers but those recorded, and compares them itself.
	recorded bool
}

// clients are who is asked: the engine, and LanceDB, or what was recorded of it.
func (n *novelsPlay) clients(p *process) ([]*demoClient, error) {
	clients := []*demoClient{n.engineClient()}
	modules := append([]string{p.env("HEARTH_E2E_NODE_MODULES")}, filepath.SplitList(p.env("NODE_PATH"))...)
	modules = append(modules, "node_modules")
	for i, m := range modules {
		if m != "" && !filepath.IsAbs(m) {
			modules[i] = filepath.Join(n.folder, m)
		}
	}
	if l, ok := demo.FindLanceDB("node", modules...); ok {
		l.TempDir = n.scratch
		return append(clients, n.lancedbClient(l)), nil
	}
	recorded, err := n.recordedClient()
	return append(clients, recorded), err
}

// ask asks one client, counts, and checks the answer.
func (n *novelsPlay) ask(ctx context.Context, c *demoClient, q demoQuestion) (demo.Measure, []demo.Hit, error) {
	n.reset()
	answer, err := c.ask(ctx, q)
	if err != nil {
		return demo.Measure{}, nil, fmt.Errorf("%s, %s: %w", q.kind, c.name, err)
	}
	m := demo.Measure{Elapsed: answer.Elapsed, Origin: n.counts()}
	if c.recorded {
		return m, nil, nil
	}
	var ids []string
	for _, h := range answer.Hits {
		ids = append(ids, h.ID)
		if h.Text != n.shelf.Text(h.ID) {
			return m, nil, fmt.Errorf("%s, %s: %s came with another text than was written last", q.kind, c.name, h.ID)
		}
	}
	if !q.right(ids, c.exact) {
		return m, nil, fmt.Errorf("%s, %s: wrong answer: %s", q.kind, c.name, strings.Join(ids, ", "))
	}
	return m, answer.Hits, nil
}

// remote is the engine of the running Hearth, asked over HTTP for a state that may be so old. The caller closes it.
func (n *novelsPlay) remote(maxAge time.Duration) *remoteEngine {
	client := &adminClient{base: n.server.url(listenerAdmin), http: &http.Client{Transport: &http.Transport{}}}
	return &remoteEngine{client: client, table: demoPath, maxAge: maxAge}
}

func (n *novelsPlay) engineClient() *demoClient {
	now, old := n.remote(0), n.remote(time.Minute)
	return &demoClient{
		name: "Hearth's engine", exact: true, table: "s3://" + demoPath, close: func() { now.close(); old.close() },
		ask:    func(ctx context.Context, q demoQuestion) (demo.Answer, error) { return askEngine(ctx, now, q) },
		askOld: func(ctx context.Context, q demoQuestion) (demo.Answer, error) { return askEngine(ctx, old, q) },
	}
}

func askEngine(ctx context.Context, e *remoteEngine, q demoQuestion) (demo.Answer, error) {
	r := engine.Request{Kind: engine.Search, Columns: []string{"id", "text"}, K: q.K}
	switch {
	case q.Phrase != "":
		r.Column, r.Phrase = "text", q.Phrase
	case q.Vector != nil:
		r.Column, r.Vector = "vector", q.Vector
	default:
		key, err := json.Marshal(q.Key)
		if err != nil {
			return demo.Answer{}, err
		}
		r.Kind, r.K, r.Keys = engine.Get, 0, []json.RawMessage{key}
	}
	var out hits
	start := time.Now()
	err := e.rows(ctx, r, &out)
	return demo.Answer{Hits: out.hits, Elapsed: time.Since(start)}, err
}

// hits collects the first two columns of an answer.
type hits struct{ hits []demo.Hit }

func (h *hits) Start(engine.Head) error { return nil }

func (h *hits) Batch(b arrow.RecordBatch) error {
	id, ok1 := b.Column(0).(*array.String)
	text, ok2 := b.Column(1).(*array.String)
	if !ok1 || !ok2 {
		return errors.New("the answer has other columns than were asked for")
	}
	for i := range int(b.NumRows()) {
		h.hits = append(h.hits, demo.Hit{ID: strings.Clone(id.Value(i)), Text: strings.Clone(text.Value(i))})
	}
	return nil
}

// lancedbClient asks LanceDB, for each question a process that was started while others answered.
func (n *novelsPlay) lancedbClient(l demo.LanceDB) *demoClient {
	var next *demo.LanceDBProcess
	left := 2 * len(n.questions())
	return &demoClient{
		name: "LanceDB", table: "s3://" + demoPath,
		about: strings.TrimSpace("LanceDB "+l.Version) +
			", through Hearth, read what Hearth's engine wrote, in a fresh process each time\n(which is started before the clock is).",
		ask: func(ctx context.Context, q demoQuestion) (demo.Answer, error) {
			process := next
			next = nil
			if process == nil {
				var err error
				if process, err = l.Start(ctx); err != nil {
					return demo.Answer{}, err
				}
			}
			answer, err := process.Ask(ctx, n.server.url(listenerS3), "s3://"+demoBucket+"/"+demoDatabase, demoTable, q.Question)
			if left--; err == nil && left > 0 {
				next, err = l.Start(ctx)
			}
			return answer, err
		},
		close: func() {
			if next != nil {
				next.Close()
			}
		},
	}
}

// recordedClient sends what LanceDB once sent, for a table of its own that lies beside the other.
func (n *novelsPlay) recordedClient() (*demoClient, error) {
	const bucket = "lance" // as recorded
	tables, err := fs.Sub(lancememwal.FS, "db")
	if err != nil {
		return nil, err
	}
	if err := n.store.EnsureBucket(bucket); err != nil {
		return nil, err
	}
	if err := os.CopyFS(filepath.Join(n.store.Dir, bucket, "fixture"), tables); err != nil {
		return nil, err
	}
	n.buckets = append(n.buckets, bucket)
	cold := map[string]demo.Run{}
	return &demoClient{
		name: "LanceDB, as recorded", table: "s3://" + bucket + "/fixture/items.lance", recorded: true, close: func() {},
		about: "LanceDB is not installed here, so what a fresh process of it asks for in such a query of another\n" +
			"table was replayed. To have it read this one: npm install @lancedb/lancedb apache-arrow@18.1.0",
		ask: func(ctx context.Context, q demoQuestion) (demo.Answer, error) {
			trace, err := demo.LoadTrace(lancedbtraces.FS, q.recording, q.kind)
			if err != nil {
				return demo.Answer{}, err
			}
			run, err := demo.Replay(ctx, n.server.url(listenerS3), trace)
			if err != nil {
				return demo.Answer{}, err
			}
			if first, again := cold[q.kind]; again && !first.Equal(run) {
				return demo.Answer{}, errors.New("the answers differ from those of an empty cache")
			}
			cold[q.kind] = run
			return demo.Answer{Elapsed: run.Elapsed}, nil
		},
	}, nil
}
