// Package mortal has stores for model tests of writers: of processes that die, whose puts fail before or after the object is
// there, or arrive when nobody expects them any more.
//
// A World is what all processes of a test have in common: chance, and what is on its way. A Process reaches the store, with
// faults of its own, until it is dead. Both are safe for concurrent use. It is for tests alone.
package mortal

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"

	"github.com/hearthcache/hearth/lance/storage"
)

// ErrFault is every fault that was made up.
var ErrFault = errors.New("injected fault")

// World is a store with chance and what is on its way to it.
type World struct {
	Store storage.Writer

	mu     sync.Mutex
	random *rand.Rand
	late   []func() // puts that arrive some time
}

// NewWorld begins a world.
func NewWorld(s storage.Writer, seed uint64) *World {
	return &World{Store: s, random: rand.New(rand.NewPCG(seed, 1))}
}

// Number is one of 0 to n-1.
func (w *World) Number(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

// Chance is true once in n times.
func (w *World) Chance(n int) bool { return w.Number(n) == 0 }

// Some are n different numbers of 0 to of-1.
func (w *World) Some(n, of int) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.Perm(of)[:n]
}

func (w *World) later(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = append(w.late, f)
}

// Arrive lets what is on its way arrive: all of it, or what chance lets.
func (w *World) Arrive(all bool) {
	w.mu.Lock()
	var now, later []func()
	for _, f := range w.late {
		if all || w.random.IntN(3) == 0 {
			now = append(now, f)
		} else {
			later = append(later, f)
		}
	}
	w.late = later
	w.mu.Unlock()
	for _, f := range now {
		f()
	}
}

// A Process is a storage.Writer that works until it is dead.
type Process struct {
	world *World
	calm  bool

	mu      sync.Mutex
	calls   int
	deadAt  int
	between func()
}

// NewProcess begins a process that lives until DieAt says otherwise. One that is calm has no other faults.
func (w *World) NewProcess(calm bool) *Process { return &Process{world: w, calm: calm} }

// Calls is how many calls there were.
func (p *Process) Calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// DieAt has every call from the nth on fail, counted from now, though a put may be heard nevertheless; 0 brings the process
// back to life.
func (p *Process) DieAt(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deadAt = 0; n > 0 {
		p.deadAt = p.calls + n
	}
}

// BeforePut has f called once, before the next put: somebody else is faster.
func (p *Process) BeforePut(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.between = f
}

// dead counts a call.
func (p *Process) dead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	return p.deadAt > 0 && p.calls >= p.deadAt
}

// Open implements storage.Store.
func (p *Process) Open(ctx context.Context, path string) (storage.Object, error) {
	if p.dead() {
		return nil, ErrFault
	}
	return p.world.Store.Open(ctx, path)
}

// List implements storage.Store.
func (p *Process) List(ctx context.Context, folder string) ([]storage.Entry, error) {
	if p.dead() {
		return nil, ErrFault
	}
	return p.world.Store.List(ctx, folder)
}

// Delete implements storage.Writer.
func (p *Process) Delete(ctx context.Context, path string) error {
	if p.dead() {
		return ErrFault
	}
	return p.world.Store.Delete(ctx, path)
}

// Put implements storage.Writer. A dead process may have been heard before it died.
func (p *Process) Put(ctx context.Context, path string, body io.Reader, size int64, o storage.PutOptions) error {
	dead := p.dead()
	if !dead {
		p.mu.Lock()
		between := p.between
		p.between = nil
		p.mu.Unlock()
		if between != nil {
			between()
		}
		if p.calm || !p.world.Chance(12) {
			return p.world.Store.Put(ctx, path, body, size, o)
		}
	}
	switch p.world.Number(3) {
	case 0: // never heard
	case 1:
		_ = p.world.Store.Put(ctx, path, body, size, o)
	default: // on its way, and nobody knows when it arrives
		b := make([]byte, size)
		if _, err := io.ReadFull(body, b); err != nil {
			return err
		}
		p.world.later(func() { _ = storage.WriteFile(context.Background(), p.world.Store, path, b, o) })
	}
	return ErrFault
}
