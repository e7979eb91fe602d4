package storage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// MemStore is a Writer that keeps its objects in memory. It is safe for concurrent use; an object that is open stays as it was
// when it is replaced or deleted.
type MemStore struct {
	mu      sync.RWMutex
	objects Memory // guarded by mu; the bytes of an object never change
}

var _ Writer = (*MemStore)(nil)

// NewMemStore returns an empty store.
func NewMemStore() *MemStore { return &MemStore{objects: Memory{}} }

// Open implements Store.
func (m *MemStore) Open(ctx context.Context, name string) (Object, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.objects.Open(ctx, name)
}

// List implements Store.
func (m *MemStore) List(ctx context.Context, folder string) ([]Entry, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.objects.List(ctx, folder)
}

// Put implements Writer.
func (m *MemStore) Put(ctx context.Context, name string, body io.Reader, size int64, opts PutOptions) error {
	if err := CheckObjectPath(name); err != nil {
		return err
	}
	var b bytes.Buffer
	b.Grow(int(min(max(size, 0), 64<<20)) + bytes.MinRead)
	if err := copyBody(ctx, &b, body, size); err != nil {
		return fmt.Errorf("storage: put %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.objects[name]; there && opts.IfAbsent {
		return fmt.Errorf("storage: put %s: %w", name, ErrExists)
	}
	m.objects[name] = b.Bytes()
	return nil
}

// Delete implements Writer.
func (m *MemStore) Delete(ctx context.Context, name string) error {
	if err := CheckObjectPath(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}

// Paths are the paths of all objects, sorted.
func (m *MemStore) Paths() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Sorted(maps.Keys(m.objects))
}
