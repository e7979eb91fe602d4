// Package class decides how a key may be cached.
//
// There are three classes. Immutable bytes never change under their name and are
// served without asking; revalidate bytes are cached, but every use is confirmed
// with the origin; never is always the origin. A [Table] holds rules: the
// operator's come first, then the built-in ones, which know the shapes of the
// names that Lance generates. The first match wins.
//
// The built-in rules recognise a Lance table by a path component that ends in
// ".lance". A folder that merely happens to be called data/ is not Lance and is
// revalidated. What lies below a MemWAL generation is revalidate here: only the
// publication of that generation, which names cannot tell, makes it immutable
// (see package publication).
//
// A Table is immutable once built and safe for concurrent use.
package class

import (
	"errors"
	"fmt"
	"time"
)

// Class says how a key may be cached.
type Class uint8

const (
	// Revalidate caches bytes and confirms each use with the origin.
	Revalidate Class = iota
	// Immutable caches bytes until they are evicted, retired or purged.
	Immutable
	// Never always asks the origin and keeps nothing.
	Never
)

// String returns the word that configuration, headers and metrics use.
func (c Class) String() string {
	switch c {
	case Immutable:
		return "immutable"
	case Never:
		return "never"
	default:
		return "revalidate"
	}
}

// Parse is the inverse of String.
func Parse(s string) (Class, error) {
	switch s {
	case "revalidate":
		return Revalidate, nil
	case "immutable":
		return Immutable, nil
	case "never":
		return Never, nil
	}
	return 0, fmt.Errorf("class: %q is not one of never, immutable, revalidate", s)
}

// A Rule gives the keys that match a glob their class.
type Rule struct {
	// Match is a glob over "bucket/key" if it starts with "s3://", else over the
	// key alone. "*" matches within one path component, "**" any number of
	// components, "?" one character of a component.
	Match string
	Class Class
	// MaxAge relaxes revalidation: for so long after a confirmation the bytes are
	// served without another. Zero, the default, confirms every use. Only for
	// class Revalidate.
	MaxAge time.Duration
}

// A Verdict is a class and why.
type Verdict struct {
	Class  Class
	MaxAge time.Duration
	// Rule says which rule decided, for a person: the glob of an operator's rule,
	// or the name of a built-in one.
	Rule string
}

// A Table is a list of rules in order, the built-in ones last.
type Table struct {
	rules []compiled
}

type compiled struct {
	rule    Rule
	pattern Pattern
}

// New compiles the operator's rules; the built-in ones follow them. Errors name
// the rule by its position, from 1.
func New(rules []Rule) (*Table, error) {
	t := &Table{}
	for i, r := range rules {
		pattern, err := ParsePattern(r.Match)
		if errors.Is(err, errEmptyMatch) {
			return nil, fmt.Errorf("class: rule %d: %w", i+1, err)
		}
		if r.MaxAge < 0 {
			return nil, fmt.Errorf("class: rule %d (%s): max_age %s is negative", i+1, r.Match, r.MaxAge)
		}
		if r.MaxAge > 0 && r.Class != Revalidate {
			return nil, fmt.Errorf("class: rule %d (%s): max_age is for class revalidate, not %s", i+1, r.Match, r.Class)
		}
		if err != nil {
			return nil, fmt.Errorf("class: rule %d (%s): %w", i+1, r.Match, err)
		}
		t.rules = append(t.rules, compiled{r, pattern})
	}
	return t, nil
}

// Classify returns the class that the rules give bucket/key. It does not know
// publication: the caller raises keys below a published generation to Immutable
// when Rule is [RuleGeneration].
func (t *Table) Classify(bucket, key string) Verdict {
	for i := range t.rules {
		if c := &t.rules[i]; c.pattern.Match(bucket, key) {
			return Verdict{Class: c.rule.Class, MaxAge: c.rule.MaxAge, Rule: c.rule.Match}
		}
	}
	return builtin(key)
}
