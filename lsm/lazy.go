package lsm

import "context"

// lazy is a value that is made when it is first needed. Those who need it wait for the one who makes it; when that one
// fails, the next tries.
type lazy[T any] struct {
	turn  chan struct{} // holds one token
	done  bool          // guarded by turn
	value T
}

func newLazy[T any]() *lazy[T] {
	l := &lazy[T]{turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

func (l *lazy[T]) get(ctx context.Context, make func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	select {
	case <-l.turn:
	case <-ctx.Done():
		return zero, ctx.Err()
	}
	defer func() { l.turn <- struct{}{} }()
	if l.done {
		return l.value, nil
	}
	v, err := make(ctx)
	if err != nil {
		return zero, err
	}
	l.value, l.done = v, true
	return v, nil
}

// peek returns the value if it is there already.
func (l *lazy[T]) peek() (v T, ok bool) {
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
		return l.value, l.done
	default:
		return v, false
	}
}
