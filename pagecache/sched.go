package pagecache

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Priority orders requests to the origin.
type Priority uint8

const (
	// Demand is for bytes that a client waits for.
	Demand Priority = iota
	// Prefetch is for bytes that nobody waits for yet.
	Prefetch
)

// String returns the word that metrics use.
func (p Priority) String() string { return [...]string{"demand", "prefetch"}[p] }

// SchedulerOptions configure a [Scheduler]. The zero value is a sound default.
type SchedulerOptions struct {
	// Concurrency bounds the origin requests under way. Default 128: LanceDB itself
	// keeps up to 100 in flight. More adds connections, and load on the origin.
	Concurrency int
	// DemandReserve is how many of them prefetch may not use. Default a quarter.
	DemandReserve int
	// Registerer receives the metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
}

// A Scheduler bounds the requests to the origin. Demand goes before prefetch, first
// come first served within each, and some slots are for demand alone, so that a storm of
// prefetches never makes a client wait for more than its own requests.
//
// It is safe for concurrent use.
type Scheduler struct {
	total, reserve int

	mu struct {
		sync.Mutex
		running [2]int
		waiting [2]list.List // of *ticket, oldest first
	}
}

// A Slot is the right to have one request under way.
type Slot struct {
	s        *Scheduler
	priority Priority // what it is counted as. Guarded by s.mu
	released bool     // Guarded by s.mu
}

// A ticket waits for a slot.
type ticket struct {
	priority Priority
	element  *list.Element
	granted  chan struct{} // closed when slot is set
	slot     *Slot
}

// NewScheduler returns a scheduler. Options out of range are brought into it.
func NewScheduler(o SchedulerOptions) *Scheduler {
	if o.Concurrency <= 0 {
		o.Concurrency = 128
	}
	if o.DemandReserve <= 0 {
		o.DemandReserve = o.Concurrency / 4
	}
	s := &Scheduler{total: o.Concurrency, reserve: min(o.DemandReserve, o.Concurrency-1)}
	if o.Registerer != nil {
		s.register(o.Registerer)
	}
	return s
}

// Concurrency returns how many requests may be under way.
func (s *Scheduler) Concurrency() int { return s.total }

// Acquire waits for a slot or for ctx. The caller releases it.
func (s *Scheduler) Acquire(ctx context.Context, p Priority) (*Slot, error) {
	return s.wait(ctx, s.enqueue(p))
}

// enqueue takes a place in the queue; wait must follow.
func (s *Scheduler) enqueue(p Priority) *ticket {
	t := &ticket{priority: p, granted: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.element = s.mu.waiting[p].PushBack(t)
	s.grantLocked()
	return t
}

// wait returns the ticket's slot once it is granted.
func (s *Scheduler) wait(ctx context.Context, t *ticket) (*Slot, error) {
	select {
	case <-t.granted:
		return t.slot, nil
	default:
	}
	select {
	case <-t.granted:
		return t.slot, nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	if t.element != nil {
		s.mu.waiting[t.priority].Remove(t.element)
		t.element = nil
		s.mu.Unlock()
		return nil, fmt.Errorf("pagecache: wait for an origin slot: %w", context.Cause(ctx))
	}
	s.mu.Unlock()
	t.slot.Release() // granted in the same moment
	return nil, fmt.Errorf("pagecache: wait for an origin slot: %w", context.Cause(ctx))
}

// promote makes a waiting prefetch a demand.
func (s *Scheduler) promote(t *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.element == nil || t.priority == Demand {
		return
	}
	s.mu.waiting[Prefetch].Remove(t.element)
	t.priority = Demand
	t.element = s.mu.waiting[Demand].PushBack(t)
	s.grantLocked()
}

// grantLocked gives free slots to those who wait.
func (s *Scheduler) grantLocked() {
	for {
		running := s.mu.running[Demand] + s.mu.running[Prefetch]
		if running >= s.total {
			return
		}
		p := Demand
		if s.mu.waiting[Demand].Len() == 0 {
			if s.mu.waiting[Prefetch].Len() == 0 || s.mu.running[Prefetch] >= s.total-s.reserve {
				return
			}
			p = Prefetch
		}
		t := s.mu.waiting[p].Remove(s.mu.waiting[p].Front()).(*ticket)
		t.element = nil
		t.slot = &Slot{s: s, priority: p}
		s.mu.running[p]++
		close(t.granted)
	}
}

// Release gives the slot back. Releasing it again does nothing.
func (t *Slot) Release() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.released {
		return
	}
	t.released = true
	t.s.mu.running[t.priority]--
	t.s.grantLocked()
}

// load returns how many run and wait, by priority.
func (s *Scheduler) load(p Priority) (running, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.running[p], s.mu.waiting[p].Len()
}

func (s *Scheduler) register(r prometheus.Registerer) {
	for _, p := range []Priority{Demand, Prefetch} {
		gauge := func(name, help string, value func() int) {
			r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Namespace: "hearth", Subsystem: "pagecache", Name: name, Help: help,
				ConstLabels: prometheus.Labels{"priority": p.String()},
			}, func() float64 { return float64(value()) }))
		}
		gauge("origin_slots_used", "Origin requests under way.", func() int { n, _ := s.load(p); return n })
		gauge("origin_slots_waiting", "Origin requests waiting for a slot.", func() int { _, n := s.load(p); return n })
	}
}
