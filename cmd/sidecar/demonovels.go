//go:build !noembedded

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/hearthcache/hearth/internal/demo"
	"github.com/hearthcache/hearth/internal/demo/novels"
	"github.com/hearthcache/hearth/internal/demo/shelf"
	"github.com/hearthcache/hearth/internal/demo/wordspace"
	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/originstore"
	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/lsm/shard"
	"github.com/hearthcache/hearth/lsm/writer"
)

const (
	novelsInShort = "five novels"
	demoBucket    = "demo"
	demoDatabase  = "db"
	demoTable     = "novels"
	// demoFolder is the table's folder in its bucket, demoPath where it lies.
	demoFolder = demoDatabase + "/" + demoTable + ".lance"
	demoPath   = demoBucket + "/" + demoFolder
)

// A novelsPlay is the story: a table that is written, and who is asked what.
type novelsPlay struct {
	*demoStage
	shelf *shelf.Shelf
}

// playNovels tells the story.
func (s *demoStage) playNovels(ctx context.Context, p *process, o demoOptions) error {
	n := &novelsPlay{demoStage: s}
	s.buckets = []string{demoBucket}
	s.say("Hearth in front of an embedded S3 store, each request to which takes %d ms longer.\nText: %s.\n\n",
		o.latency.Milliseconds(), novels.Credit)
	if err := n.write(ctx, o); err != nil {
		return err
	}
	clients, err := n.clients(p)
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range clients {
			c.close()
		}
	}()
	sections, err := n.compare(ctx, clients)
	if err != nil {
		return err
	}
	s.say("\n")
	if err := demo.Story(s.out, sections); err != nil {
		return err
	}
	s.say("\n%s\n", clients[len(clients)-1].about)
	if err := n.epilogue(ctx, clients[0]); err != nil {
		return err
	}
	if o.keep {
		return n.invite()
	}
	s.say("Ask it yourself: sidecar demo --keep goes on serving and says how.\n")
	return nil
}

// compare asks all questions of all clients with an empty cache, warms, and asks again.
func (n *novelsPlay) compare(ctx context.Context, clients []*demoClient) ([]demo.Section, error) {
	questions := n.questions()
	sections := make([]demo.Section, len(questions))
	for i, q := range questions {
		sections[i] = demo.Section{Kind: q.kind, Question: q.words, Focus: q.Phrase}
		for _, c := range clients {
			n.forget()
			m, _, err := n.ask(ctx, c, q)
			if err != nil {
				return nil, err
			}
			sections[i].Askings = append(sections[i].Askings, demo.Asking{By: c.name, Cold: m})
		}
	}
	if err := n.warmTables(ctx, clients); err != nil {
		return nil, err
	}
	for i, q := range questions {
		for k, c := range clients {
			m, hits, err := n.ask(ctx, c, q)
			if err != nil {
				return nil, err
			}
			if m.Origin.Immutable > 0 {
				return nil, fmt.Errorf("%s, %s: of a warm table, %d requests for what cannot change reached the store", q.kind, c.name, m.Origin.Immutable)
			}
			sections[i].Askings[k].Warm = m
			if k == 0 && len(hits) > 0 {
				sections[i].ID, sections[i].Text = hits[0].ID, hits[0].Text
			}
		}
	}
	return sections, nil
}

// warmTables empties the cache once more and warms what is asked.
func (n *novelsPlay) warmTables(ctx context.Context, clients []*demoClient) error {
	n.forget()
	for i, c := range clients {
		if i > 0 && c.table == clients[i-1].table {
			continue
		}
		n.reset()
		start := time.Now()
		receipt, err := n.warm(ctx, c.table)
		if err != nil {
			return err
		}
		if counts := n.counts(); i == 0 {
			n.say("  warmed    %d objects, %s, with %d requests in %s\n", receipt.Objects, inspect.SizeText(receipt.ResidentBytes),
				counts.Immutable+counts.Mutable, inSeconds(time.Since(start)))
		}
	}
	return nil
}

// inSeconds is a duration for people.
func inSeconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// write makes the table and fills it, through Hearth.
func (n *novelsPlay) write(ctx context.Context, o demoOptions) (err error) {
	if n.shelf, err = shelf.New(o.every); err != nil {
		return err
	}
	if err := n.store.EnsureBucket(demoBucket); err != nil {
		return err
	}
	client, err := origin.New(ctx, origin.Config{Endpoint: n.server.url(listenerS3), Region: "us-east-1", AccessKey: "any", SecretKey: "any"})
	if err != nil {
		return err
	}
	defer client.Close()
	table, err := originstore.New(client, demoBucket, demoFolder)
	if err != nil {
		return err
	}
	start := time.Now()
	n.meter.SetLatency(0) // what is there when the story begins need not be waited for
	err = n.shelf.Create(ctx, table)
	n.meter.SetLatency(o.latency)
	if err != nil {
		return err
	}
	n.say("  created   %d passages with BTree, full-text and vector indexes, in %s\n", n.shelf.Base(), inSeconds(time.Since(start)))
	n.say("  vectors   %d dimensions, latent semantic analysis of these texts: no trained model\n", wordspace.Dim)
	w, err := writer.Open(ctx, table, "", writer.Options{Shard: shard.Options{
		Warm: func(ctx context.Context, folder string) error {
			_, err := n.warm(ctx, "s3://"+demoPath+"/"+folder)
			return err
		},
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close(context.WithoutCancel(ctx))) }()
	filled, err := n.shelf.Fill(ctx, w)
	if err != nil {
		return err
	}
	stats := w.Stats()
	rows := filled.Rows + filled.Revised + filled.Removed
	n.say("  ingested  %d new passages, %d revised, %d deleted: %.0f rows/s, durable when acknowledged\n",
		filled.Rows, filled.Revised, filled.Removed, float64(rows)/filled.Writing.Seconds())
	n.say("            %d puts went into %d entries of the log\n", filled.Puts, stats.Entries)
	n.say("  flushed   %d generations in %s, each warmed before it was published\n", stats.Flushes, inSeconds(filled.Flushing))
	return nil
}

// epilogue holds the whole table against what was written, and asks once more without a look for what is new.
func (n *novelsPlay) epilogue(ctx context.Context, c *demoClient) error {
	rows, err := n.scan(ctx)
	if err != nil {
		return err
	}
	if d := n.shelf.Differences(rows); len(d) > 0 {
		return fmt.Errorf("a scan returned another table than was written: %s", strings.Join(d, ", "))
	}
	n.say("Every answer was checked, and a scan: %d passages, each as it was written last.\n", len(rows))
	var best demo.Measure
	for _, q := range n.questions() {
		old := *c
		old.ask = c.askOld
		m, _, err := n.ask(ctx, &old, q)
		if err != nil {
			return err
		}
		best.Elapsed = max(best.Elapsed, m.Elapsed)
		best.Origin.Mutable += m.Origin.Mutable
		best.Origin.Immutable += m.Origin.Immutable
	}
	n.say("A query that may be a minute old (max_age) asks the store for nothing: %d requests, at most %.1f ms.\n",
		best.Origin.Mutable+best.Origin.Immutable, best.Elapsed.Seconds()*1000)
	return nil
}

// scan reads the table through the engine, texts by id.
func (n *novelsPlay) scan(ctx context.Context) (map[string]string, error) {
	e := n.remote(0)
	defer e.close()
	var out hits
	if err := e.rows(ctx, engine.Request{Kind: engine.Scan, Columns: []string{"id", "text"}}, &out); err != nil {
		return nil, err
	}
	rows := map[string]string{}
	for _, h := range out.hits {
		if _, twice := rows[h.ID]; twice {
			return nil, fmt.Errorf("a scan returned %s twice", h.ID)
		}
		rows[h.ID] = h.Text
	}
	return rows, nil
}

// invitation is what can be tried while the demo serves. Each line can be pasted.
var invitation = template.Must(template.New("invitation").Parse(`
Ask it yourself, from another terminal:

  T={{.Admin}}/v1/tables/{{.Path}}
  curl -s $T/search -d '{"column": "text", "match": "pride", "k": 3, "columns": ["id", "text"]}'
  curl -s $T/search/explain -d '{"column": "text", "phrase": "{{.Phrase}}"}'
  curl -s "$T/get?key={{.Key}}&columns=id,text"
  curl -s "$T/scan?filter=chapter=1&columns=id,novel&limit=5" -H 'Accept: text/csv'

Write a passage and find it, before a flush publishes it and after it was deleted:

  curl -s $T/put -H 'Content-Type: application/x-ndjson' -d '{"id": "mine/1", "text": "She sailed for Valparaiso."}'
  curl -s $T/search -d '{"column": "text", "match": "valparaiso", "columns": ["id", "text"]}'
  curl -s -X POST $T/flush
  curl -s $T/delete -H 'Content-Type: application/x-ndjson' -d '{"id": "mine/1"}'

What Hearth knows of the table; out of the cache with it, and back:

  curl -s {{.Admin}}/generations
  curl -s {{.Admin}}/invalidate -d '{"prefix": "s3://{{.Bucket}}/"}'
  curl -s {{.Admin}}/warm -d '{"path": "s3://{{.Path}}", "wait": "1m"}'

The dashboard, for a browser: {{.Admin}}/

The same bytes as S3:

  AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_REGION=us-east-1 \
    aws --endpoint-url {{.S3}} s3 ls s3://{{.Path}}/
`))

// invite says how to go on.
func (n *novelsPlay) invite() error {
	return invitation.Execute(n.out, map[string]string{
		"Admin": n.server.url(listenerAdmin), "S3": n.server.url(listenerS3), "Bucket": demoBucket, "Path": demoPath,
		"Phrase": shelf.Phrase, "Key": shelf.Key,
	})
}
