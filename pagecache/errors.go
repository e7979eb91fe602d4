package pagecache

import "errors"

var (
	// ErrChanged says that the object is no longer the version asked for. Sources return
	// it (wrapped); readers of that version get it, and all its pages are dropped.
	ErrChanged = errors.New("pagecache: object changed")
	// ErrShort says that a source's body did not have the length it promised. Nothing of
	// the pages it left incomplete is kept.
	ErrShort = errors.New("pagecache: body of the wrong length")
	// ErrNoSpace says that a prefetch found no memory: everything is pinned or in use.
	ErrNoSpace = errors.New("pagecache: no memory to be had")
	// ErrClosed says that the cache was closed.
	ErrClosed = errors.New("pagecache: closed")
)
