package main

import "sync/atomic"

// readiness is what /readyz answers. It becomes ready once, when every listener
// serves and the watched tables are warm, if it is to wait for that, and stops being so only when the process drains; trouble with origin or
// cache never takes a pod out of service that can still answer from memory.
type readiness struct{ reason atomic.Pointer[string] }

// The reasons not to be ready.
const (
	starting = "starting"
	warming  = "waiting for watched tables to be warm"
	draining = "draining"
)

func newReadiness() *readiness {
	r := &readiness{}
	r.not(starting)
	return r
}

func (r *readiness) ready()         { r.reason.Store(nil) }
func (r *readiness) not(why string) { r.reason.Store(&why) }

// readyAfter becomes ready unless another reason has taken the place of one.
func (r *readiness) readyAfter(why string) bool {
	at := r.reason.Load()
	return at != nil && *at == why && r.reason.CompareAndSwap(at, nil)
}

// state has the form that the ops handler asks for.
func (r *readiness) state() (ready bool, why string) {
	if why := r.reason.Load(); why != nil {
		return false, *why
	}
	return true, ""
}
