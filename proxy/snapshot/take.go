package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/memwal"
)

// A snapshot is what one take has asked. It is not changed once made.
type snapshot struct {
	start   time.Time // before the first question was sent
	answers map[id]*held
	newest  map[string]uint64 // the newest version of a shard's manifest, by shard
	bytes   int64
}

// held is an answer in a snapshot.
type held struct {
	question Question
	answer   *Answer
	place    place
	// predicted says that the take itself found that it would be asked.
	predicted bool
}

// find returns what answers q. An object's GET answers its HEAD.
func (s *snapshot) find(q Question) *held {
	if q.key != "" && q.head {
		get := q
		get.head = false
		if h := s.answers[get.id()]; h != nil {
			return h
		}
	}
	return s.answers[q.id()]
}

// timeless reports whether a question about the shards has the same answer now as when
// the snapshot was taken: it is about a manifest that existed then.
func (s *snapshot) timeless(q Question) bool {
	_, shard, version, ok := memwal.ParseManifestPath(q.key)
	return ok && version <= s.newest[shard]
}

const (
	// maxParallel bounds the requests of one take that are under way at once.
	maxParallel = 16
	// maxQuestions bounds the questions of one take. A shard takes four.
	maxQuestions = 4096
	// firstProbes and maxProbes are how many versions behind the known one are looked for
	// at once: readers begin with two, and double while they find any.
	firstProbes, maxProbes = 2, 64
)

// A taking is a take under way.
type taking struct {
	table  *table
	ctx    context.Context
	cancel context.CancelCauseFunc
	before *snapshot // nil if there was none
	slots  chan struct{}
	wg     sync.WaitGroup
	made   snapshot

	mu      sync.Mutex
	calls   map[id]*call // Guarded by mu
	failure error        // the first. Guarded by mu
	bytes   int64        // Guarded by mu
	refused []id         // of demands. Guarded by mu
}

// A call is one question of a take.
type call struct {
	question  Question
	place     place
	early     bool // asked before anything said that it would be of use
	predicted bool
	done      chan struct{}
	answer    *Answer // after done
	err       error   // after done
}

// take asks the origin all that the table's clients are going to ask, and demands. What
// no snapshot can hold of demands is in refused.
func (t *table) take(ctx context.Context, before *snapshot, demands []Question) (made *snapshot, refused []id, err error) {
	k := &taking{
		table: t, before: before, slots: make(chan struct{}, maxParallel), calls: make(map[id]*call),
		made: snapshot{start: time.Now(), answers: make(map[id]*held), newest: make(map[string]uint64)},
	}
	k.ctx, k.cancel = context.WithCancelCause(ctx)
	defer k.cancel(nil)
	// INVARIANT: no question about the base is sent before every one about the shards has
	// been answered.
	err = k.phase(inShards, k.shards, demands)
	if err == nil {
		err = k.phase(inBase, k.base, demands)
	}
	if err != nil {
		t.store.release(k.bytes)
		return nil, nil, err
	}
	for name, c := range k.calls {
		if c.err == nil {
			k.made.answers[name] = &held{c.question, c.answer, c.place, c.predicted}
		}
	}
	k.made.bytes = k.bytes
	return &k.made, k.refused, nil
}

// phase asks about one part of the table: first again what the snapshot before held,
// then what walk finds, then what was demanded besides.
func (k *taking) phase(part place, walk func() error, demands []Question) error {
	if k.before != nil {
		for _, h := range k.before.answers {
			if h.place == part && h.predicted {
				k.begin(h.question, part, true)
			}
		}
	}
	err := walk()
	if err == nil {
		for _, q := range demands {
			if q.placeIn(k.table.root) == part {
				k.begin(q, part, false)
			}
		}
	} else {
		k.fail(err)
	}
	k.wg.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failure
}

// fail ends the take.
func (k *taking) fail(err error) {
	k.mu.Lock()
	if k.failure == nil {
		k.failure = err
	}
	k.mu.Unlock()
	k.cancel(err)
}

// begin sends a question unless it was sent.
func (k *taking) begin(q Question, part place, early bool) *call {
	name := q.id()
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.calls[name]; c != nil {
		return c
	}
	c := &call{question: q, place: part, early: early, done: make(chan struct{})}
	if len(k.calls) >= maxQuestions {
		c.err = fmt.Errorf("%w: more than %d questions", errNoRoom, maxQuestions)
		close(c.done)
		return c
	}
	k.calls[name] = c
	k.wg.Go(func() {
		defer close(c.done)
		c.answer, c.err = k.survive(q)
		switch {
		case c.err == nil:
		case !errors.Is(c.err, errRefused):
			k.fail(c.err)
		default:
			k.mu.Lock()
			k.refused = append(k.refused, name)
			k.mu.Unlock()
		}
	})
	return c
}

// survive is send for which a panic is an error.
func (k *taking) survive(q Question) (a *Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			a, err = nil, k.table.store.panicked(p)
		}
	}()
	return k.send(q)
}

// send asks the origin, with bytes of an object that other caches may hold seen to be there.
func (k *taking) send(q Question) (*Answer, error) {
	s := k.table.store
	for _, slots := range []chan struct{}{k.slots, s.slots} {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-k.ctx.Done():
			return nil, context.Cause(k.ctx)
		}
	}
	inline := q.key == "" || q.placeIn(k.table.root) == inShards || strings.HasSuffix(q.key, hintSuffix)
	described := q
	described.head = q.head || !inline
	s.metrics.requests.Inc()
	a, err := fetch(k.ctx, s.origin, described, k.reserve)
	switch {
	case err != nil:
		return nil, err
	case inline:
	case a.Status != http.StatusOK && !q.head: // its body
		s.metrics.requests.Inc()
		if a, err = fetch(k.ctx, s.origin, q, k.reserve); err != nil {
			return nil, err
		}
		if a.Status == http.StatusOK {
			return nil, fmt.Errorf("%w: written while it was asked for", errRefused)
		}
	case a.Status == http.StatusOK && !a.Facts.Strong():
		return nil, fmt.Errorf("%w: no strong entity tag", errRefused)
	case a.Status == http.StatusOK && !q.head && a.Facts.Size <= maxObject:
		if err := s.o.Load(k.ctx, q.bucket, q.key, &a.Facts); err != nil {
			// It is read when a client asks for it.
			s.log.Debug("object not loaded", "bucket", q.bucket, "key", q.key, "err", err)
		}
	}
	if a.Whole && a.Status == http.StatusOK {
		s.o.Observe(q.bucket, q.key, a.Body)
	}
	return a, k.reserve(a.bytes() - int64(len(a.Body)))
}

// hintSuffix ends the names of hints at the newest version of a base table.
const hintSuffix = "/latest_version_hint.json"

func (k *taking) reserve(n int64) error {
	if err := k.table.store.reserve(n); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes += n
	return nil
}

// ask returns the answer to a question that clients will ask too.
func (k *taking) ask(q Question, part place) (*Answer, error) {
	c := k.begin(q, part, false)
	k.mu.Lock()
	c.predicted = true
	k.mu.Unlock()
	<-c.done
	return c.answer, c.err
}

// existing is ask for an object that something named. If it was asked for early, and
// was not there, it may have been written before it was named.
func (k *taking) existing(q Question, part place) (*Answer, error) {
	k.mu.Lock()
	c := k.calls[q.id()]
	k.mu.Unlock()
	if c != nil && c.early {
		if <-c.done; c.err == nil && c.answer.Status != http.StatusOK {
			k.mu.Lock()
			if k.calls[q.id()] == c {
				delete(k.calls, q.id())
			}
			k.mu.Unlock()
		}
	}
	return k.ask(q, part)
}

// list asks for a listing and reads it.
func (k *taking) list(q Question, part place) (*listed, error) {
	a, err := k.ask(q, part)
	if err != nil {
		return nil, err
	}
	var before *Answer
	if k.before != nil {
		if h := k.before.find(q); h != nil {
			before = h.answer
		}
	}
	return a.look(before)
}

// shards asks what readers ask about the shards of a table.
func (k *taking) shards() error {
	if k.table.catalog {
		return nil // it has none
	}
	prefix := k.table.root + "/" + memWALDir
	l, err := k.list(listing(k.table.bucket, prefix, "/"), inShards)
	if err != nil {
		return err
	}
	if l.IsTruncated {
		return fmt.Errorf("%w: more shards than one page lists", errNoRoom)
	}
	var group errgroup.Group
	group.SetLimit(maxParallel)
	var mu sync.Mutex
	for _, common := range l.CommonPrefixes {
		if _, shard, rest, ok := memwal.ParseShardPath(common.Prefix); ok && rest == "" {
			group.Go(func() error {
				newest, err := k.shard(shard)
				mu.Lock()
				defer mu.Unlock()
				k.made.newest[shard] = newest
				return err
			})
		}
	}
	return group.Wait()
}

// shard asks for a shard's hint, the manifest it names, those behind it until none is
// found, and the newest of them, whose version it returns.
func (k *taking) shard(shard string) (newest uint64, err error) {
	bucket, root := k.table.bucket, k.table.root
	manifest := func(version uint64, head bool) Question {
		return Object(bucket, memwal.ManifestPath(root, shard, version), head)
	}
	hint, err := k.existing(Object(bucket, memwal.VersionHintPath(root, shard), false), inShards)
	if err != nil {
		return 0, err
	}
	named := uint64(1) // where readers begin without a hint
	if hint.Status == http.StatusOK {
		if v, err := memwal.DecodeVersionHint(hint.Body); err == nil && v < math.MaxUint64-maxQuestions {
			named = v
		}
	}
	a, err := k.existing(manifest(named, false), inShards)
	if err != nil {
		return 0, err
	}
	if a.Status == http.StatusOK {
		newest = named
	}
	for from, probes := named+1, uint64(firstProbes); ; from, probes = from+probes, min(2*probes, maxProbes) {
		last := newest
		for v := from; v < from+probes; v++ {
			k.begin(manifest(v, true), inShards, false) // all at once
		}
		for v := from; v < from+probes; v++ {
			a, err := k.ask(manifest(v, true), inShards)
			if err != nil {
				return 0, err
			}
			if a.Status == http.StatusOK {
				newest = v
			}
		}
		if newest == last {
			break
		}
	}
	if newest > named {
		_, err = k.existing(manifest(newest, false), inShards)
	}
	return newest, err
}

// base asks what readers ask about the base table.
func (k *taking) base() error {
	l, err := k.list(listing(k.table.bucket, k.table.root+"/"+versionsDir, ""), inBase)
	if err != nil {
		return err
	}
	if newest := l.newestVersion(); newest != "" {
		_, err = k.existing(Object(k.table.bucket, newest, false), inBase)
		if errors.Is(err, errRefused) {
			err = nil // the origin's to answer, which is harmless for the base
		}
	}
	return err
}
