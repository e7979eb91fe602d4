package meter

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// Counts is what has been counted of one class since Start or Reset.
type Counts struct {
	// Requests have arrived; Failed of them were cut off or could not be sent on.
	Requests, Failed int64
	// Sent and Received are body bytes toward the origin and from it.
	Sent, Received int64
	// Time is the sum of the requests' durations, latency included.
	Time time.Duration
}

func (c Counts) plus(d Counts) Counts {
	return Counts{
		Requests: c.Requests + d.Requests, Failed: c.Failed + d.Failed,
		Sent: c.Sent + d.Sent, Received: c.Received + d.Received, Time: c.Time + d.Time,
	}
}

// A Snapshot is everything counted: requests as they arrive, bytes as they pass,
// failures and time when a request ends.
type Snapshot struct {
	// Classes holds every class that has been seen since Reset.
	Classes map[string]Counts
	// InFlight requests are under way, PeakInFlight were at once.
	InFlight, PeakInFlight int64
}

// Total sums all classes.
func (s Snapshot) Total() Counts {
	var t Counts
	for _, c := range s.Classes {
		t = t.plus(c)
	}
	return t
}

// Names returns the classes, sorted.
func (s Snapshot) Names() []string { return slices.Sorted(maps.Keys(s.Classes)) }

type class struct {
	requests, failed, sent, received, nanos atomic.Int64
}

func (c *class) begin() { c.requests.Add(1) }

func (c *class) end(r *Request, failed bool) {
	if failed || r.Status == 0 {
		c.failed.Add(1)
	}
	c.nanos.Add(int64(r.Elapsed))
}

func (m *Meter) class(name string) *class {
	if c, ok := m.classes.Load(name); ok {
		return c.(*class)
	}
	c, _ := m.classes.LoadOrStore(name, new(class))
	return c.(*class)
}

func (m *Meter) enter() {
	n := m.inFlight.Add(1)
	for {
		peak := m.peak.Load()
		if n <= peak || m.peak.CompareAndSwap(peak, n) {
			return
		}
	}
}

// Snapshot returns the numbers so far.
func (m *Meter) Snapshot() Snapshot {
	s := Snapshot{Classes: map[string]Counts{}, InFlight: m.inFlight.Load(), PeakInFlight: m.peak.Load()}
	m.classes.Range(func(name, value any) bool {
		c := value.(*class)
		counts := Counts{
			Requests: c.requests.Load(), Failed: c.failed.Load(),
			Sent: c.sent.Load(), Received: c.received.Load(), Time: time.Duration(c.nanos.Load()),
		}
		if counts != (Counts{}) {
			s.Classes[name.(string)] = counts
		}
		return true
	})
	return s
}

// Count returns the requests of a class since the last Reset; of all classes for
// "".
func (m *Meter) Count(class string) int64 {
	s := m.Snapshot()
	if class == "" {
		return s.Total().Requests
	}
	return s.Classes[class].Requests
}

// Counts returns the requests of every class since the last Reset.
func (m *Meter) Counts() map[string]int64 {
	counts := map[string]int64{}
	for name, c := range m.Snapshot().Classes {
		counts[name] = c.Requests
	}
	return counts
}

// Bytes returns the bytes of answers' bodies since the last Reset.
func (m *Meter) Bytes() int64 { return m.Snapshot().Total().Received }

// Reset sets all counts to zero. A request under way counts on; reset between
// requests for exact numbers.
func (m *Meter) Reset() {
	m.classes.Range(func(_, value any) bool {
		c := value.(*class)
		for _, n := range []*atomic.Int64{&c.requests, &c.failed, &c.sent, &c.received, &c.nanos} {
			n.Store(0)
		}
		return true
	})
	m.peak.Store(m.inFlight.Load())
}
