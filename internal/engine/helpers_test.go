package engine_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
	lancememwal "github.com/hearthcache/hearth/testdata/lance-memwal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// checked is an allocator that must be empty when the test ends.
func checked(t testing.TB) memory.Allocator {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

// fixture is the fixture's tables in memory.
func fixture(t testing.TB) storage.Memory {
	t.Helper()
	m := storage.Memory{}
	err := fs.WalkDir(lancememwal.FS, "db", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		m[name], err = fs.ReadFile(lancememwal.FS, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// hooked is a store that calls before with every path that is opened or listed, and fails as it says.
type hooked struct {
	storage.Store
	mu     sync.Mutex
	opens  map[string]int
	lists  map[string]int
	before func(ctx context.Context, name string) error
}

func hook(s storage.Store) *hooked {
	return &hooked{Store: s, opens: map[string]int{}, lists: map[string]int{}}
}

func (h *hooked) call(ctx context.Context, in map[string]int, name string) error {
	h.mu.Lock()
	in[name]++
	before := h.before
	h.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx, name)
}

func (h *hooked) set(before func(ctx context.Context, name string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = before
}

// listed is how often a folder of a name was listed.
func (h *hooked) listed(suffix string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for name, count := range h.lists {
		if strings.HasSuffix(name, suffix) {
			n += count
		}
	}
	return n
}

func (h *hooked) Open(ctx context.Context, name string) (storage.Object, error) {
	if err := h.call(ctx, h.opens, name); err != nil {
		return nil, err
	}
	return h.Store.Open(ctx, name)
}

func (h *hooked) List(ctx context.Context, folder string) ([]storage.Entry, error) {
	if err := h.call(ctx, h.lists, folder); err != nil {
		return nil, err
	}
	return h.Store.List(ctx, folder)
}

func start(t testing.TB, s lsm.Store, o engine.Options) *engine.Engine {
	t.Helper()
	if o.Allocator == nil {
		o.Allocator = checked(t)
	}
	e, err := engine.New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// rows collects an answer.
type rows struct {
	head  engine.Head
	heads int
	all   []map[string]any
	each  func() error // after each batch
}

func (r *rows) Start(h engine.Head) error {
	r.head, r.heads = h, r.heads+1
	return nil
}

func (r *rows) Batch(b arrow.RecordBatch) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	var some []map[string]any
	if err := json.Unmarshal(text, &some); err != nil {
		return err
	}
	r.all = append(r.all, some...)
	if r.each != nil {
		return r.each()
	}
	return nil
}

func (r *rows) column(name string) []any {
	var out []any
	for _, row := range r.all {
		out = append(out, row[name])
	}
	return out
}

// raw makes keys of values.
func raw(t testing.TB, values ...any) []json.RawMessage {
	t.Helper()
	var out []json.RawMessage
	for _, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}
