package pagecache

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/epoch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const kib = 1 << 10

// fillContent writes bytes [off, +len(p)) of the object that seed stands for: eight at a
// time, a mix of seed and position, so that no two places look the same.
func fillContent(seed uint64, off int64, p []byte) {
	var word [8]byte
	for at := uint64(off); len(p) > 0; {
		x := (at/8 + seed) * 0x9e3779b97f4a7c15
		binary.LittleEndian.PutUint64(word[:], x^x>>29)
		n := copy(p, word[at%8:])
		p, at = p[n:], at+uint64(n)
	}
}

func seedOf(v Version) uint64 {
	seed := uint64(14695981039346656037)
	for _, s := range []string{v.Bucket, v.Key, v.ETag} {
		for i := range len(s) {
			seed = (seed ^ uint64(s[i])) * 1099511628211
		}
	}
	return seed >> 7
}

// content returns bytes [off, off+n) of v, cut to the object.
func content(v Version, off, n int64) []byte {
	off, n = clamp(v.Size, off, n)
	p := make([]byte, n)
	fillContent(seedOf(v), off, p)
	return p
}

// A script is a source that does as the test says. Zero means: answer at once.
type script struct {
	// open, if given, is called first; an error is the answer.
	open func(ctx context.Context, v Version, off, n int64) error
	// wrap, if given, may put its own body around or in place of the true one.
	wrap func(ctx context.Context, body *scriptBody) io.ReadCloser
	// gated bodies yield nothing until the test lets bytes through.
	gated bool

	mu     sync.Mutex
	log    []string      // "off+n" of each call
	bodies []*scriptBody // of each call that was answered
}

func (s *script) ReadRange(ctx context.Context, v Version, off, n int64) (io.ReadCloser, error) {
	s.mu.Lock()
	s.log = append(s.log, fmt.Sprintf("%d+%d", off, n))
	s.mu.Unlock()
	if s.open != nil {
		if err := s.open(ctx, v, off, n); err != nil {
			return nil, err
		}
	}
	b := newBody(ctx, v, off, n, s.gated)
	s.mu.Lock()
	s.bodies = append(s.bodies, b)
	s.mu.Unlock()
	if s.wrap != nil {
		return s.wrap(ctx, b), nil
	}
	return b, nil
}

// calls returns the log and empties it.
func (s *script) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	return log
}

func (s *script) body(i int) *scriptBody {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[i]
}

// A scriptBody yields bytes [at, end) of v.
type scriptBody struct {
	ctx     context.Context
	v       Version
	at, end int64

	gate      chan int64 // lets that many bytes through
	open      int64      // bytes that may pass; all if there is no gate
	closeOnce sync.Once
	closed    chan struct{}
	closes    int
}

func newBody(ctx context.Context, v Version, off, n int64, gated bool) *scriptBody {
	b := &scriptBody{ctx: ctx, v: v, at: off, end: off + n, closed: make(chan struct{}), open: n + 1}
	if gated {
		b.gate, b.open = make(chan int64, 1024), 0
	}
	return b
}

// let lets n bytes through; more than there are lets EOF through as well.
func (b *scriptBody) let(n int64) { b.gate <- n }

func (b *scriptBody) Read(p []byte) (int, error) {
	for b.open == 0 {
		select {
		case n := <-b.gate:
			b.open += n
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		case <-b.closed:
			return 0, errors.New("read of a closed body")
		}
	}
	select {
	case <-b.closed:
		return 0, errors.New("read of a closed body")
	default:
	}
	if b.at == b.end {
		return 0, io.EOF
	}
	n := min(int64(len(p)), b.end-b.at, b.open)
	fillContent(seedOf(b.v), b.at, p[:n])
	b.at += n
	b.open -= n
	return int(n), nil
}

func (b *scriptBody) Close() error {
	b.closes++ // a second one at the same time would be a race, and is a bug anyway
	b.closeOnce.Do(func() { close(b.closed) })
	return nil
}

// newCache makes a cache of 4 KiB pages unless told otherwise. At the end of the test it
// is closed, and must be empty.
func newCache(t *testing.T, s Source, o Options) *Cache {
	t.Helper()
	if o.PageBytes == 0 {
		o.PageBytes = 4 * kib
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 64 * int64(o.PageBytes)
	}
	if o.RunBytes == 0 {
		o.RunBytes = 8 * int64(o.PageBytes)
	}
	c, err := New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeCache(t, c) })
	return c
}

// closeCache closes c and checks that all memory came back.
func closeCache(t *testing.T, c *Cache) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if n := c.arena.usedBytes(); n != 0 {
		t.Errorf("%d bytes in use after Close", n)
	}
	if n := c.inFlight.Load(); n != 0 {
		t.Errorf("%d bytes in flight after Close", n)
	}
	if n := c.table.len(); n != 0 {
		t.Errorf("%d objects after Close", n)
	}
}

// version is one of size bytes.
func version(key string, size int64) Version { return Version{"bucket", key, `"1"`, size} }

// readAll reads [off, off+n) of v and compares it with the content.
func readAll(t *testing.T, c *Cache, v Version, off, n int64) ReadStats {
	t.Helper()
	stats, err := tryRead(c, v, off, n, ReadOptions{Epoch: c.epochs.Now()})
	if err != nil {
		t.Errorf("read %d+%d of %s: %v", off, n, v.Key, err)
	}
	return stats
}

// writeTo writes what is left of a reader's range.
func writeTo(r *Reader, w io.Writer) (int64, error) {
	var written int64
	for {
		b, err := r.Next()
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(b)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
}

// tryRead reads like readAll and returns what goes wrong; ErrShort does not mean that
// fewer bytes came than were asked for.
func tryRead(c *Cache, v Version, off, n int64, o ReadOptions) (ReadStats, error) {
	r := c.Read(context.Background(), v, off, n, o)
	defer r.Close()
	var got bytes.Buffer
	if _, err := writeTo(r, &got); err != nil {
		return r.Stats(), err
	}
	if !bytes.Equal(got.Bytes(), content(v, off, n)) {
		return r.Stats(), fmt.Errorf("wrong bytes: %d of them", got.Len())
	}
	return r.Stats(), nil
}

// checkIdle checks every account of a cache that nobody uses any more.
func checkIdle(t *testing.T, c *Cache) {
	t.Helper()
	c.fills.Wait() // those that were cancelled still have to notice
	if n := c.inFlight.Load(); n != 0 {
		t.Errorf("%d bytes in flight", n)
	}
	if n := c.readers.Load(); n != 0 {
		t.Errorf("%d readers counted", n)
	}
	var bytes, pages int64
	c.table.each("", "", func(o *object) bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		if n := o.users.Load(); n != 0 || o.dead {
			t.Errorf("%s has %d users, dead: %t", o.Key, n, o.dead)
		}
		resident := int64(0)
		o.eachLocked(0, o.slots.count-1, func(p *page) {
			resident++
			bytes += orderBytes(p.order)
			if !p.done || p.err != nil || p.fill != nil || p.obj != o || p.refs.Load() != 1 || p.segment == unlisted {
				t.Errorf("%s page %d: done %t, error %v, %d references, segment %d", o.Key, p.no, p.done, p.err, p.refs.Load(), p.segment)
			}
		})
		pages += resident
		if o.resident != resident || resident == 0 {
			t.Errorf("%s counts %d resident pages, has %d", o.Key, o.resident, resident)
		}
		return true
	})
	s := c.Stats()
	if s.UsedBytes != bytes || s.ResidentBytes != bytes || s.ResidentPages != pages {
		t.Errorf("%d bytes in use, %d on lists, %d in slots; %d pages on lists, %d in slots",
			s.UsedBytes, s.ResidentBytes, bytes, s.ResidentPages, pages)
	}
	if s.PinnedBytes > c.lru.pinBytes {
		t.Errorf("%d bytes pinned, the budget is %d", s.PinnedBytes, c.lru.pinBytes)
	}
	checkArena(t, c.arena)
}

// checkArena checks that free and used blocks tile the memory, and that free buddies
// were joined.
func checkArena(t *testing.T, a *arena) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	listed := map[int32]uint8{}
	for order, b := range a.mu.heads {
		prev := noBlock
		for ; b != noBlock; prev, b = b, a.mu.next[b] {
			if a.mu.prev[b] != prev || a.mu.free[b] != uint8(order)+1 {
				t.Fatalf("block %d of order %d: linked from %d, previous is %d; marked %d", b, order, prev, a.mu.prev[b], a.mu.free[b])
			}
			listed[b] = uint8(order)
		}
	}
	var used int64
	for b := int32(0); int(b) < len(a.mu.owner); {
		order, free := listed[b]
		switch p := a.mu.owner[b]; {
		case free && p != nil:
			t.Fatalf("block %d is free and has an owner", b)
		case free:
			delete(listed, b)
			if other, ok := listed[b^1<<order]; ok && other == order && order < a.maxOrder {
				t.Errorf("blocks %d and %d are free buddies of order %d", b, b^1<<order, order)
			}
		case p == nil:
			t.Fatalf("block %d is neither free nor owned", b)
		default:
			order = p.order
			used += orderBytes(order)
		}
		b += 1 << order
	}
	if len(listed) > 0 {
		t.Errorf("free blocks inside of others: %v", listed)
	}
	if used != a.mu.used {
		t.Errorf("%d bytes owned, %d counted", used, a.mu.used)
	}
}

// wipe drops key as a writer does.
func wipe(c *Cache, v Version) Evicted {
	scope := epoch.Scope{Bucket: v.Bucket, Key: v.Key}
	c.epochs.Add(scope)
	return c.Invalidate(scope)
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
