package keyring

import (
	"path"
	"strings"
)

// An Op is a kind of operation that needs leave. See the package comment for what
// each one needs.
type Op uint8

const (
	// Read is reading an object, its attributes, or the source of a copy.
	Read Op = iota
	// Write is writing or deleting an object, or a part of one.
	Write
	// List is listing the objects, versions or uploads below a prefix.
	List
	// SeeBucket is learning that a bucket exists and where.
	SeeBucket
)

// String names the operation.
func (o Op) String() string {
	switch o {
	case Read:
		return "read"
	case Write:
		return "write"
	case List:
		return "list"
	case SeeBucket:
		return "see-bucket"
	default:
		return "unknown"
	}
}

// needs returns the access of which a scope must have any part.
func (o Op) needs() Access {
	switch o {
	case Read, List:
		return ReadOnly
	case Write:
		return WriteOnly
	case SeeBucket:
		return ReadWrite
	default:
		return 0
	}
}

// Allow reports whether an access key may do op on an object key, decoded, of a
// bucket. For List, key is the LIST's prefix; for SeeBucket it does not count. An
// unknown access key may do nothing.
func (r *Ring) Allow(accessKey, bucket, key string, op Op) bool {
	e := r.set.Load().find(accessKey)
	if e == nil {
		return false
	}
	if len(e.key.Scopes) == 0 {
		return op.needs() != 0
	}
	for i := range e.key.Scopes {
		if e.key.Scopes[i].allows(bucket, key, op) {
			return true
		}
	}
	return false
}

func (s *Scope) allows(bucket, key string, op Op) bool {
	if s.Access&op.needs() == 0 {
		return false
	}
	if s.Bucket != bucket {
		// The pattern was checked when the scope was; a bucket has no slash.
		if ok, err := path.Match(s.Bucket, bucket); err != nil || !ok {
			return false
		}
	}
	if op == SeeBucket || s.Prefix == "" {
		return true
	}
	return strings.HasPrefix(key, s.Prefix) && !hasDotSegment(key)
}

// hasDotSegment reports whether a key has a segment that a file system would
// resolve.
func hasDotSegment(key string) bool {
	if !strings.HasPrefix(key, ".") && !strings.Contains(key, "/.") {
		return false // as good as every key
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
