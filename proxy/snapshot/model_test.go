package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/memwal"
)

// The model: writers elsewhere flush generations and compact them into the base, the base
// first; a writer here does the same through the store; readers ask as Lance's do, shards
// first. Whatever fails, stalls or is dropped:
//
//   - each answer is what the origin held at some moment no longer ago than the bound;
//   - no reader loses a generation: what was published before the bound began is in the
//     shard's manifest or in the base;
//   - a writer's own generation is seen at once.
func TestReadersLoseNothingAndNothingIsOlderThanTheBound(t *testing.T) {
	seedtest.Each(t, 5, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) { newModel(t, seed).run() })
	})
}

type model struct {
	t     *testing.T
	f     *fake
	s     *Store
	bound time.Duration
	until time.Time
	slow  int // milliseconds: half of the largest latency, mostly

	compactions lock // held while the base is written

	mu        sync.Mutex
	random    *rand.Rand // Guarded by mu, as all below
	published map[string]time.Time
	acked     map[string]time.Time // published through the store
	next      int
	served    int
	passed    int
}

// A lock can be held while virtual time passes.
type lock chan struct{}

func (l lock) hold()    { l <- struct{}{} }
func (l lock) release() { <-l }

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, f: newFake(), random: rand.New(rand.NewPCG(seed, 0)),
		published: make(map[string]time.Time), acked: make(map[string]time.Time), compactions: make(lock, 1),
	}
	m.bound = []time.Duration{300 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second}[m.draw(4)]
	m.slow = 5 << m.draw(6) // milliseconds, at most
	m.f.take(func(*origin.Request) (before, after time.Duration) {
		if m.draw(500) == 0 { // a stall, longer than any bound
			return time.Duration(m.draw(10)) * time.Second, time.Duration(m.draw(10)) * time.Second
		}
		return time.Duration(m.draw(m.slow)) * time.Millisecond, time.Duration(m.draw(m.slow)) * time.Millisecond
	})
	m.s = open(t, m.f, m.bound, func(o *Options) { o.Quiet, o.Idle = time.Duration(1+m.draw(3000))*time.Millisecond, 4*time.Second })
	m.until = time.Now().Add(30 * time.Second)
	return m
}

func (m *model) draw(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.IntN(n)
}

func (m *model) rest(ctx context.Context, most time.Duration) {
	_ = pause(ctx, time.Duration(m.draw(int(most/time.Millisecond)))*time.Millisecond) // ends early with the test
}

func (m *model) run() {
	m.f.change(func(objects map[string]string) {
		objects[versionKey(1)] = ""
		for shard := range shardIDs {
			objects[manifestKey(shard, 1)] = ""
			objects[hintKey(shard)] = string(memwal.EncodeVersionHint(1))
		}
	})
	var wg sync.WaitGroup
	for shard := range shardIDs {
		// Commits of one shard come one after another, as fencing has it.
		commits := make(lock, 1)
		wg.Go(func() { m.write(shard, commits, false) })
		wg.Go(func() { m.write(shard, commits, true) })
	}
	wg.Go(m.disturb)
	for range 4 {
		wg.Go(m.read)
	}
	wg.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.t.Logf("bound %s, latency up to %d ms: %d generations, %d answers served, %d passed", m.bound, 2*m.slow, m.next, m.served, m.passed)
	if m.served == 0 && m.slow <= 20 {
		m.t.Error("nothing was served")
	}
}

// write flushes generations of a shard and compacts them, here or elsewhere.
func (m *model) write(shard int, commits lock, here bool) {
	for time.Now().Before(m.until) {
		most := time.Second
		if here {
			most = 30 * time.Second // mostly the table is quiet
		}
		m.rest(m.t.Context(), most)
		commits.hold()
		if m.draw(2) > 0 {
			m.flush(shard, here)
		} else {
			m.compact(shard, here)
		}
		commits.release()
	}
}

// put writes an object, here or elsewhere.
func (m *model) put(key, contents string, here bool) {
	if here {
		m.s.Wrote(bucket, key)
	}
	if m.draw(2) == 0 {
		m.rest(m.t.Context(), 20*time.Millisecond)
	}
	m.f.put(key, contents)
	if m.draw(2) == 0 {
		m.rest(m.t.Context(), 20*time.Millisecond)
	}
	if here {
		m.s.Wrote(bucket, key)
	}
}

// newest returns the newest manifest of a shard and its version, at the origin.
func (m *model) newest(shard int) (version uint64, generations []string) {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	for version = 1; ; version++ {
		if _, ok := m.f.now()[manifestKey(shard, version+1)]; !ok {
			return version, strings.Fields(m.f.now()[manifestKey(shard, version)])
		}
	}
}

func (m *model) commit(shard int, version uint64, generations []string, here bool) {
	m.put(manifestKey(shard, version), strings.Join(generations, " "), here)
	if m.draw(4) > 0 { // the hint is best effort
		m.put(hintKey(shard), string(memwal.EncodeVersionHint(version)), here)
	}
}

func (m *model) flush(shard int, here bool) {
	version, generations := m.newest(shard)
	m.mu.Lock()
	m.next++
	name := fmt.Sprintf("g%d", m.next)
	m.mu.Unlock()
	m.commit(shard, version+1, append(generations, name), here)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.published[name] = time.Now()
	if here {
		m.acked[name] = time.Now()
	}
}

// compact moves the oldest generation of a shard into the base, and drops it at once from
// its manifest: no grace spares a reader who mixes.
func (m *model) compact(shard int, here bool) {
	version, generations := m.newest(shard)
	if len(generations) == 0 {
		return
	}
	m.compactions.hold()
	defer m.compactions.release()
	base := m.latestBase()
	m.put(versionKey(base.version+1), strings.TrimSpace(base.merged+" "+generations[0]), here)
	m.commit(shard, version+1, generations[1:], here)
}

type baseVersion struct {
	version uint64
	merged  string
}

func (m *model) latestBase() baseVersion {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	for version := uint64(1); ; version++ {
		if _, ok := m.f.now()[versionKey(version+1)]; !ok {
			return baseVersion{version, m.f.now()[versionKey(version)]}
		}
	}
}

// disturb makes the origin fail and drops snapshots.
func (m *model) disturb() {
	for time.Now().Before(m.until) {
		m.rest(m.t.Context(), 4*time.Second)
		switch m.draw(5) {
		case 0:
			m.s.Conflict(bucket, versionKey(1))
		case 1:
			m.s.Touch(m.t.Context(), bucket, root)
		case 2:
			m.f.fail(func() error {
				if m.draw(20) == 0 {
					return []error{errDown, errors.New("503"), errors.New("403")}[m.draw(3)]
				}
				return nil
			})
			m.rest(m.t.Context(), 3*time.Second)
			m.f.fail(nil)
		case 3:
			m.s.SetPaused(true)
			m.rest(m.t.Context(), time.Second)
			m.s.SetPaused(false)
		case 4:
			m.s.Changed(bucket, versionKey(1))
		}
	}
}

var errFault = errors.New("the origin failed")

// question answers q as the object service does: from a snapshot, else at the origin.
func (m *model) question(q Question) (status int, body string, err error) {
	return m.answer(q, true)
}

// answer does not look at snapshots if the request is one that they cannot answer.
func (m *model) answer(q Question, plain bool) (status int, body string, err error) {
	var a *Answer
	var age time.Duration
	ok := false
	if plain {
		a, age, ok = m.s.Ask(m.t.Context(), q)
	}
	if ok {
		if age > m.bound {
			m.t.Errorf("%s: %s old", q.id(), age)
		}
		if status, body = a.Status, string(a.Body); status == http.StatusOK && q.key != "" && !q.head && !a.Whole {
			// By its entity tag, from pages.
			for _, objects := range m.f.during(time.Now().Add(-m.bound)) {
				if _, contents, header := reply(objects, http.MethodGet, q.key, ""); header.Get("Etag") == a.Facts.ETag {
					body = contents
				}
			}
		}
		if q.head {
			body = ""
		}
		m.mu.Lock()
		m.served++
		m.mu.Unlock()
		for _, objects := range m.f.during(time.Now().Add(-m.bound)) {
			method := http.MethodGet
			wantStatus, want, _ := reply(objects, method, q.key, q.query)
			if wantStatus == status && (q.head || want == body) {
				return status, body, nil
			}
		}
		m.t.Errorf("%s: %d %q was not so within %s", q.id(), status, body, m.bound)
		return status, body, nil
	}
	m.mu.Lock()
	m.passed++
	m.mu.Unlock()
	method := http.MethodGet
	if q.head {
		method = http.MethodHead
	}
	response, err := m.f.Do(m.t.Context(), &origin.Request{Method: method, Bucket: q.bucket, Key: q.key, RawQuery: q.query})
	if err != nil {
		return 0, "", errFault
	}
	m.s.Passed(method, q.bucket, q.key, q.query, response.StatusCode)
	b := make([]byte, response.ContentLength)
	if !q.head {
		_, _ = response.Body.Read(b) // from memory
	}
	if response.StatusCode >= 500 || response.StatusCode == http.StatusForbidden {
		return 0, "", errFault
	}
	return response.StatusCode, string(b), nil
}

// read queries the table, shards first.
func (m *model) read() {
	for time.Now().Before(m.until) {
		m.rest(m.t.Context(), 700*time.Millisecond)
		m.mu.Lock()
		need := make(map[string]string)
		for name, at := range m.published {
			if time.Since(at) >= m.bound {
				need[name] = "published " + time.Since(at).String() + " ago"
			}
		}
		for name := range m.acked {
			need[name] = "written here"
		}
		m.mu.Unlock()
		began := time.Now()
		seen, err := m.query()
		if errors.Is(err, errFault) {
			continue
		}
		if err != nil {
			m.t.Errorf("query: %v", err)
			continue
		}
		for name, why := range need {
			if !slices.Contains(seen, name) {
				m.t.Errorf("a query that began at %s does not see %s, %s", began.Format(time.StampMilli), name, why)
			}
		}
	}
}

func (m *model) query() (seen []string, err error) {
	plain := m.draw(12) > 0
	for shard := range shardIDs {
		if m.draw(2) == 0 { // between two requests time may pass
			m.rest(m.t.Context(), 100*time.Millisecond)
		}
		generations, err := m.readShard(shard, plain)
		if err != nil {
			return nil, err
		}
		seen = append(seen, generations...)
	}
	if m.draw(4) == 0 {
		m.rest(m.t.Context(), 2*m.bound)
	}
	_, body, err := m.question(baseQ)
	if err != nil {
		return nil, err
	}
	l, err := (&Answer{Body: []byte(body)}).look(nil)
	if err != nil {
		return nil, err
	}
	status, merged, err := m.question(getQ(l.newestVersion()))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("newest version: %d", status)
	}
	return append(seen, strings.Fields(merged)...), err
}

// readShard finds the newest manifest as Lance does.
func (m *model) readShard(shard int, plain bool) ([]string, error) {
	ask := func(q Question) (int, string, error) { return m.answer(q, plain) }
	if _, _, err := ask(shardsQ); err != nil {
		return nil, err
	}
	_, hint, err := ask(getQ(hintKey(shard)))
	if err != nil {
		return nil, err
	}
	newest, err := memwal.DecodeVersionHint([]byte(hint))
	if err != nil {
		return nil, err
	}
	if m.draw(8) == 0 { // an old one, which no snapshot holds
		if _, _, err := ask(getQ(manifestKey(shard, 1))); err != nil {
			return nil, err
		}
	}
	if status, _, err := ask(headQ(manifestKey(shard, newest))); err != nil || status != http.StatusOK {
		return nil, errors.Join(err, fmt.Errorf("named manifest: %d", status))
	}
	for from, probes := newest+1, uint64(firstProbes); ; from, probes = from+probes, min(2*probes, maxProbes) {
		last := newest
		for v := from; v < from+probes; v++ {
			status, _, err := ask(headQ(manifestKey(shard, v)))
			if err != nil {
				return nil, err
			}
			if status == http.StatusOK {
				newest = v
			}
		}
		if newest == last {
			break
		}
	}
	status, contents, err := ask(getQ(manifestKey(shard, newest)))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("newest manifest: %d", status)
	}
	return strings.Fields(contents), err
}
