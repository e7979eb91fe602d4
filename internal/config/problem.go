package config

import (
	"errors"
	"fmt"
)

// ErrInvalid matches every error of Load and Validate that a change of the
// configuration would cure.
var ErrInvalid = errors.New("config: invalid")

// A Problem is one fault of a configuration. Its text is one line.
type Problem struct {
	// Where names the flag, the variable, or the file and line.
	Where string
	// What says what is wrong and, where that is not plain, what to do.
	What string
}

// Error returns "where: what".
func (p *Problem) Error() string {
	if p.Where == "" {
		return p.What
	}
	return p.Where + ": " + p.What
}

// Is makes every Problem match [ErrInvalid].
func (p *Problem) Is(target error) bool { return target == ErrInvalid }

// Problems returns the problems joined in err, in the order found; nil if there
// is none.
func Problems(err error) []*Problem {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*Problem](err); ok && error(p) == err {
		return []*Problem{p}
	}
	var all []*Problem
	switch u := err.(type) { //nolint:errorlint // walking the tree is the point
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			all = append(all, Problems(e)...)
		}
	case interface{ Unwrap() error }:
		all = Problems(u.Unwrap())
	}
	return all
}

// report collects problems.
type report struct{ found []error }

func (r *report) add(where, format string, args ...any) {
	r.found = append(r.found, &Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

func (r *report) err() error { return errors.Join(r.found...) }
