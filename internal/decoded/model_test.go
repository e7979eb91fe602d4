package decoded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hearthcache/hearth/internal/seedtest"
)

// TestTheCacheAgreesWithAModel makes random calls in a bubble, where each settles before the next one, and compares with
// a model that knows which objects must be lent, which must not, and which must be closed.
func TestTheCacheAgreesWithAModel(t *testing.T) {
	seedtest.Each(t, 30, func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, seed)
			for step := 0; step < 300 && !t.Failed(); step++ {
				m.step()
				synctest.Wait()
				m.check()
			}
			m.end()
		})
	})
}

const modelLimit = 50

var errBroken = errors.New("broken")

// modelLoad is a load as the model sees it: it goes on until the model ends it.
type modelLoad struct {
	key     Key
	end     chan error
	obj     *item
	waiters []*modelCall
	evicted bool
	over    bool
}

type modelCall struct {
	load    *modelLoad
	cancel  context.CancelFunc
	got     chan struct{}
	obj     *item
	release func()
	err     error
}

type model struct {
	t       *testing.T
	r       *rand.Rand
	c       *Cache
	made    int
	loads   []*modelLoad
	loading map[Key]*modelLoad // that a caller would join
	last    map[Key]*item      // the one object of a key that may be lent, if it is still there
	held    []*modelCall       // what was lent
	all     []*item
}

func newModel(t *testing.T, seed uint64) *model {
	return &model{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), c: New(Options{MaxBytes: modelLimit}),
		loading: map[Key]*modelLoad{}, last: map[Key]*item{},
	}
}

func (m *model) key() Key {
	return Key{fmt.Sprintf("t/_mem_wal/6ba7b810-9dad-11d1-80b4-00c04fd430c%d/0a0b0c0d_gen_%d", m.r.IntN(2), 1+m.r.IntN(3)), string(rune('a' + m.r.IntN(2)))}
}

func (m *model) step() {
	switch n := m.r.IntN(20); {
	case n < 9:
		m.get(m.key())
	case n < 12:
		m.finish()
	case n < 16:
		m.release()
	case n < 17:
		m.leave()
	case n < 18:
		m.drop(m.key())
	case n < 19:
		m.retain()
	default:
		m.grow()
	}
}

func (m *model) get(key Key) {
	ctx, cancel := context.WithCancel(m.t.Context())
	call := &modelCall{cancel: cancel, got: make(chan struct{})}
	var began *modelLoad
	load := func(ctx context.Context) (Object, error) {
		l := &modelLoad{key: key, end: make(chan error)}
		m.made++
		l.obj = newItem(m.t, fmt.Sprint(key, m.made), int64(m.r.IntN(modelLimit+10)))
		began = l
		m.loads = append(m.loads, l)
		select {
		case err := <-l.end:
			if err != nil {
				return nil, err
			}
			m.all = append(m.all, l.obj)
			return l.obj, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	go func() {
		defer close(call.got)
		obj, release, err := m.c.Get(ctx, key, load)
		if err == nil {
			call.obj, call.release = obj.(*item), release
			call.obj.users.Add(1)
		}
		call.err = err
	}()
	synctest.Wait()
	if began != nil {
		if m.loading[key] != nil {
			m.t.Errorf("%v is loaded twice at the same time", key)
		}
		m.loading[key] = began
		m.last[key] = nil
	}
	if l := m.loading[key]; l != nil {
		call.load = l
		l.waiters = append(l.waiters, call)
		return
	}
	select {
	case <-call.got:
		if call.obj == nil || call.obj != m.last[key] {
			m.t.Errorf("%v: lent %v, want %v", key, call.obj, m.last[key])
			return
		}
		m.held = append(m.held, call)
	default:
		m.t.Errorf("%v: neither lent nor loaded", key)
	}
}

// finish ends a load, one way or the other.
func (m *model) finish() {
	var open []*modelLoad
	for _, l := range m.loads {
		if !l.over {
			open = append(open, l)
		}
	}
	if len(open) == 0 {
		return
	}
	l := open[m.r.IntN(len(open))]
	var err error
	if m.r.IntN(4) == 0 {
		err = errBroken
	}
	m.over(l)
	l.end <- err
	synctest.Wait()
	for _, call := range l.waiters {
		<-call.got
		if !errors.Is(call.err, err) || err == nil && call.obj != l.obj {
			m.t.Errorf("%v: waiter got %v, %v, want %v, %v", l.key, call.obj, call.err, l.obj, err)
		}
		if call.err == nil {
			m.held = append(m.held, call)
		}
	}
	if err == nil && !l.evicted {
		m.last[l.key] = l.obj
	}
}

func (m *model) over(l *modelLoad) {
	l.over = true
	if m.loading[l.key] == l {
		delete(m.loading, l.key)
	}
}

func (m *model) release() {
	if len(m.held) == 0 {
		return
	}
	i := m.r.IntN(len(m.held))
	call := m.held[i]
	m.held = append(m.held[:i], m.held[i+1:]...)
	if call.obj.closed() {
		m.t.Errorf("%s was closed in use", call.obj.name)
	}
	call.obj.users.Add(-1)
	call.release()
	call.release()
	call.cancel()
}

// leave takes a waiter away from a load.
func (m *model) leave() {
	for _, l := range m.loads {
		if l.over || len(l.waiters) == 0 {
			continue
		}
		call := l.waiters[0]
		l.waiters = l.waiters[1:]
		call.cancel()
		<-call.got
		if !errors.Is(call.err, context.Canceled) {
			m.t.Errorf("who left got %v", call.err)
		}
		if len(l.waiters) == 0 {
			m.over(l)
		}
		return
	}
}

func (m *model) drop(key Key) {
	if m.r.IntN(2) == 0 {
		m.c.EvictPrefix(key.Path + "/")
	} else {
		m.c.EvictObject(key.Path + "/data/x")
	}
	m.gone(func(path string) bool { return path == key.Path })
}

func (m *model) retain() {
	live := m.key().Path
	m.c.Retain("t", []string{live})
	shard, number, _ := strings.Cut(live, "_gen_")
	m.gone(func(path string) bool {
		other, n, _ := strings.Cut(path, "_gen_")
		return path != live && (other != shard || n < number)
	})
}

// gone is what an eviction means: what is there may not be lent again, what is loaded is not kept.
func (m *model) gone(covered func(path string) bool) {
	for k, l := range m.loading {
		if covered(k.Path) {
			l.evicted = true
			delete(m.loading, k)
		}
	}
	for k := range m.last {
		if covered(k.Path) {
			m.last[k] = nil
		}
	}
}

func (m *model) grow() {
	if len(m.held) > 0 {
		m.held[m.r.IntN(len(m.held))].obj.bytes.Add(int64(m.r.IntN(8)))
	}
}

func (m *model) check() {
	s := m.c.Stats()
	if idle := s.Bytes - s.InUseBytes; s.Bytes > modelLimit && idle > 0 {
		m.t.Errorf("%d bytes kept, %d of them unused", s.Bytes, idle)
	}
	lent := map[*item]bool{}
	for _, call := range m.held {
		lent[call.obj] = true
	}
	kept := 0
	for _, obj := range m.all {
		current := false
		for _, o := range m.last {
			current = current || o == obj
		}
		switch {
		case !current && !lent[obj] && !obj.closed():
			m.t.Errorf("%s was forgotten and not closed", obj.name)
		case lent[obj] && obj.closed():
			m.t.Errorf("%s was closed in use", obj.name)
		case current && !obj.closed():
			kept++
		}
	}
	if loaded := s.Objects - len(m.loading); loaded != kept {
		m.t.Errorf("%d objects are kept, the model knows of %d", loaded, kept)
	}
	if s.Loading < 0 || s.InUseBytes > s.Bytes || s.InUseBytes < 0 {
		m.t.Errorf("%+v", s)
	}
	// What room was made of may have to be loaded again.
	for k, o := range m.last {
		if o != nil && o.closed() {
			m.last[k] = nil
		}
	}
}

func (m *model) end() {
	_ = m.c.Close()
	synctest.Wait()
	for _, l := range m.loads {
		for _, call := range l.waiters {
			<-call.got
			if !l.over && !errors.Is(call.err, ErrClosed) {
				m.t.Errorf("a waiter got %v from Close", call.err)
			}
			call.cancel()
		}
	}
	for len(m.held) > 0 {
		m.release()
	}
	for _, obj := range m.all {
		if !obj.closed() {
			m.t.Errorf("%s was never closed", obj.name)
		}
	}
	if s := m.c.Stats(); s.Objects != 0 || s.Bytes != 0 || s.InUseBytes != 0 || s.Loading != 0 {
		m.t.Errorf("%+v", s)
	}
}
